//! Why a validator does not vote as others do, in words: what was lost, and the one safe thing to do. SPEC VOTE-8.
//!
//! Always true: log, health and status say the same, and name a command only where one is needed.

use blockchat_engine::chain_view::{ChainView, Silence};

/// The way to give up a lock, and its consequence.
const DROP_LOCK: &str = "stop the node, `blockchat-node guard reset --drop-lock`, and start it again: it then votes without \
                         its lock, and if more than a third of the stake does so, a decided block can be contradicted";

/// Returns the reason why this validator does not vote as others do, and the remedy; `None` if it votes.
pub fn explain(view: &ChainView) -> Option<String> {
    let (tip, height) = (view.tip.height, view.tip.height.next());
    Some(match view.silence? {
        Silence::NoGuard => "the guard of the validator key is missing, so it signs nothing: make sure that the key is used \
                             nowhere else, then `blockchat-node guard reset --api http://HOST:PORT` with another node of \
                             the chain, and start this one again"
            .into(),
        Silence::Elsewhere => "another node signs with this validator's key, so this one has stopped signing: find the other \
                               one (a copied home, a restored backup, a second replica) and stop it; then stop this node, \
                               `blockchat-node guard reset --api http://HOST:PORT` with another node of the chain, and \
                               start it again"
            .into(),
        Silence::Listening => "the chain holds signatures of this validator's key that its guard does not know, or another node \
                               with its identity is connected to a peer: the home is older than the key's last vote, or the \
                               key is used elsewhere. Nothing is signed before two heights have passed without it, and \
                               there is nothing to do"
            .into(),
        Silence::ShutOut => "this node's identity is used in two places (a copied home, a restored backup, a second replica): \
                             the other node is connected to the peers and alive, so they refuse this one. Stop one of the \
                             two; a second node needs a home of its own: `blockchat-node run --join --home NEW_FOLDER`"
            .into(),
        Silence::Behind { signed } => format!(
            "the validator key has signed at height {signed}, but the chain here ends at {tip}: blocks were lost, and \
             nothing is signed before they are back. Peers that have them send them; if none has, put back a data folder \
             that does, of this node or of another one"
        ),
        Silence::Closed => format!(
            "by the guard everything up to height {height} may have been signed: this validator votes again from the next \
             height on, and there is nothing to do"
        ),
        Silence::LockUnknown => format!(
            "the journal has lost what the guard says was signed at height {height}, and the guard does not say what the \
             validator is locked on: nothing is signed in this height. If the others cannot end it, {DROP_LOCK}"
        ),
        Silence::Locked { round, block } => format!(
            "the journal has lost what the guard says was signed at height {height}: by the guard the validator is locked \
             on block {block} since round {round}, so it votes for that block or one proved later, and proposes none. If \
             the height does not end though all are there, nobody has kept that block or the votes that prove it: then \
             {DROP_LOCK}"
        ),
    })
}
