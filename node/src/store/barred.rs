//! Barred accounts by block, with the reason.
//!
//! Start reading at [`History::barred`].

use super::StoreError;
use super::history::{History, Reader};
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Address;
use blockchat_proto::ledger::LedgerAct;
use blockchat_proto::units::{Height, UnixMillis};
use blockchat_proto::vote::Evidence;

/// A validator that contradicted itself, and what that cost it. SPEC EVID-2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// The block that bars it,
    pub height: Height,
    /// its time.
    pub time: UnixMillis,
    /// The account.
    pub account: Address,
    /// The burned coins.
    pub burned: Coins,
    /// The evidence.
    pub evidence: Evidence,
}

impl History {
    /// The accounts barred in these blocks, in order. Cost: a read for each block, and no row of one without evidence.
    pub fn barred(&self, from: Height, to: Height) -> Result<Vec<Barred>, StoreError> {
        self.read(&format!("evidence from block {from} on"), |reader| {
            let mut all = vec![];
            for height in (from.0..=to.0).map(Height) {
                all.extend(reader.barred_in(height)?);
            }
            Ok(all)
        })
    }
}

impl Reader<'_> {
    fn barred_in(&self, height: Height) -> Result<Vec<Barred>, StoreError> {
        let Some((frame, _)) = self.frame(height)? else { return Ok(vec![]) };
        if frame.evidence().is_empty() {
            return Ok(vec![]);
        }
        let acts = self.stored_rows(height, |_, stored| stored.act())?;
        let evidence = frame.evidence().to_vec();
        let time = frame.into_header().time;
        let burned = |account: Address| {
            acts.iter().find_map(|act| match act {
                LedgerAct::Barred { account: barred, amount } if *barred == account => Some(*amount),
                _ => None,
            })
        };
        let barred = evidence.into_iter().map(|evidence| {
            let account = evidence.accused();
            let burned = burned(account).ok_or_else(|| self.damaged(height, "what its evidence burned is missing"))?;
            Ok(Barred { height, time, account, burned, evidence })
        });
        barred.collect()
    }
}
