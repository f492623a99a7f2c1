//! Gossipsub alone, as we set it up: announcements of many messages between peers that are not in each other's mesh, and
//! messages of a form that GOSSIP-1 excludes.

use super::world::PATIENCE;
use crate::net::gate::Gate;
use crate::net::gossip::{self, Gossip, Topics};
use blockchat_proto::gossip::Topic;
use futures::StreamExt;
use libp2p::gossipsub::{Config, Event, MessageAcceptance, MessageAuthenticity, WhitelistSubscriptionFilter};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Swarm, SwarmBuilder, noise, tcp, yamux};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Whatever is known is announced this often.
const HEARTBEAT: Duration = Duration::from_millis(100);
/// Votes of a few seconds of a fast chain: far more ids than libp2p's own maximum for a frame has room for.
const BUSY: usize = 2_500;

/// Our gossip, but without any mesh: everything is announced in every heartbeat.
fn outsider(topics: &Topics) -> Swarm<Gossip> {
    let key = Keypair::generate_ed25519();
    let mut settings = gossip::settings(Arc::new(Gate::new(1)));
    settings.mesh_outbound_min(0).mesh_n_low(0).mesh_n(0).mesh_n_high(0);
    settings.heartbeat_initial_delay(HEARTBEAT).heartbeat_interval(HEARTBEAT).history_length(600).history_gossip(600);
    swarm(key, gossip::behaviour_with(topics, &settings).unwrap())
}

/// Gossip as others use it: every message names its author, has a number, and is signed.
fn signer(topics: &Topics) -> Swarm<Gossip> {
    let key = Keypair::generate_ed25519();
    let filter = WhitelistSubscriptionFilter(Topic::ALL.iter().map(|topic| topics.ident(*topic).hash()).collect());
    let signed = MessageAuthenticity::Signed(key.clone());
    let mut gossip = Gossip::new_with_subscription_filter(signed, Config::default(), filter).unwrap();
    for topic in Topic::ALL {
        gossip.subscribe(&topics.ident(topic)).unwrap();
    }
    swarm(key, gossip)
}

fn swarm(key: Keypair, gossip: Gossip) -> Swarm<Gossip> {
    SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| gossip)
        .unwrap()
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(PATIENCE))
        .build()
}

/// Both live on until the listener has heard `count` messages.
async fn hear(speaker: &mut Swarm<Gossip>, listener: &mut Swarm<Gossip>, count: usize) {
    let mut heard = 0;
    while heard < count {
        tokio::select! {
            _ = speaker.select_next_some() => {}
            event = listener.select_next_some() => {
                if let SwarmEvent::Behaviour(Event::Message { propagation_source, message_id, .. }) = event {
                    let gossip = listener.behaviour_mut();
                    gossip.report_message_validation_result(&message_id, &propagation_source, MessageAcceptance::Accept);
                    heard += 1;
                }
            }
        }
    }
}

/// Makes the two know each other's topics.
async fn acquaint(speaker: &mut Swarm<Gossip>, listener: &mut Swarm<Gossip>) {
    listener.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let mut subscribed = 0;
    while subscribed < 2 * Topic::ALL.len() {
        let event = tokio::select! {
            event = speaker.select_next_some() => event,
            event = listener.select_next_some() => event,
        };
        match event {
            SwarmEvent::NewListenAddr { address, .. } => speaker.dial(address).unwrap(),
            SwarmEvent::Behaviour(Event::Subscribed { .. }) => subscribed += 1,
            _ => {}
        }
    }
}

#[tokio::test]
async fn announcing_the_votes_of_a_busy_chain_silences_nobody() {
    let topics = Topics::new("test-00000000");
    let votes = topics.ident(Topic::Votes);
    let (mut speaker, mut listener) = (outsider(&topics), outsider(&topics));
    acquaint(&mut speaker, &mut listener).await;
    for number in 0..BUSY {
        speaker.behaviour_mut().publish(votes.clone(), number.to_be_bytes()).unwrap();
        timeout(PATIENCE, hear(&mut speaker, &mut listener, 1)).await.expect("the first messages come");
    }
    // Each frame that is refused costs a stream, and after five of them nothing is sent any more. Longer than that:
    for number in BUSY..BUSY + 20 {
        speaker.behaviour_mut().publish(votes.clone(), number.to_be_bytes()).unwrap();
        let heard = timeout(PATIENCE, hear(&mut speaker, &mut listener, 1)).await;
        heard.expect("the stream still stands when everything was announced");
        tokio::select! {
            () = sleep(HEARTBEAT) => {}
            () = hear(&mut speaker, &mut listener, 1) => panic!("nobody said anything"),
        }
    }
}

#[tokio::test]
async fn a_flood_of_signed_messages_is_noticed_and_one_of_plain_ones_is_not() {
    let topics = Topics::new("test-00000000");
    let votes = topics.ident(Topic::Votes);
    for (mut speaker, breaks_form) in [(signer(&topics), true), (outsider(&topics), false)] {
        let mut listener = outsider(&topics);
        acquaint(&mut speaker, &mut listener).await;
        for number in 0..300_usize {
            speaker.behaviour_mut().publish(votes.clone(), number.to_be_bytes()).unwrap();
        }
        let id = *speaker.local_peer_id();
        if !breaks_form {
            timeout(PATIENCE, hear(&mut speaker, &mut listener, 300)).await.expect("they are heard");
            assert_eq!(gossip::formless(listener.behaviour()), []);
            continue;
        }
        let noticed = async {
            while gossip::formless(listener.behaviour()) != [id] {
                tokio::select! {
                    _ = speaker.select_next_some() => {}
                    event = listener.select_next_some() => {
                        assert!(!matches!(event, SwarmEvent::Behaviour(Event::Message { .. })), "it is not passed on");
                    }
                    // The score changes without an event.
                    () = sleep(HEARTBEAT) => {}
                }
            }
        };
        timeout(PATIENCE, noticed).await.expect("it is noticed");
    }
}
