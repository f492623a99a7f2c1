//! Tests: which peer to ask, which claim to believe, and that no wait is endless.

use super::*;

const LIAR: PeerTag = PeerTag(1);
const HONEST: PeerTag = PeerTag(2);

fn status(height: u64) -> Status {
    Status {
        version: 1,
        chain: Hash32::ZERO,
        height: Height(height),
        hash: Hash32::ZERO,
        earliest: Height(1),
        time: UnixMillis(0),
    }
}

fn catch_up() -> CatchUp {
    CatchUp::new(&EngineConfig::default(), UnixMillis(0))
}

/// The peer answers with this many certified blocks that we needed; then our tip is `tip`.
fn deliver(catch_up: &mut CatchUp, request: SyncId, blocks: usize, tip: Height) -> bool {
    if !catch_up.answered(request, Part::new()) {
        return false;
    }
    let mut answer = catch_up.take_answer().unwrap();
    answer.applied = blocks;
    if blocks > 0 {
        catch_up.tip_moved(tip);
        catch_up.backed(&answer, tip);
    } else {
        catch_up.proved_nothing(answer.peer, tip);
    }
    true
}

#[test]
fn a_claim_that_nobody_backs_never_mutes_us() {
    let mut catch_up = catch_up();
    catch_up.on_status(LIAR, &status(1_000_000));
    assert_eq!(catch_up.backed_target(Height(5)), None);
    assert!(catch_up.next_question(Height(5)).is_some());
}

#[test]
fn certified_blocks_back_a_claim_until_it_is_reached_or_nothing_follows() {
    let mut catch_up = catch_up();
    catch_up.on_status(HONEST, &status(300));
    let question = catch_up.next_question(Height(0)).unwrap();
    assert!(deliver(&mut catch_up, question.request, 256, Height(256)));
    assert_eq!(catch_up.backed_target(Height(256)), Some(Height(300)));
    let mut silent = CatchUp::new(&EngineConfig::default(), UnixMillis(0));
    std::mem::swap(&mut silent, &mut catch_up);
    silent.read_clock(UnixMillis(5_001));
    assert_eq!(silent.backed_target(Height(256)), None, "it delivers no more");
    silent.tip_moved(Height(300));
    silent.on_status(HONEST, &status(301));
    assert_eq!(silent.backed_target(Height(300)), None, "its next claim must be backed anew");
}

/// A busy, a silent and an empty-handed liar claim a chain that does not exist. Each is asked as long as it is
/// connected, less and less often, and none of them prevents a node from being at the tip once it was asked.
#[test]
fn who_claims_and_proves_nothing_is_asked_ever_less_often_and_holds_up_nobody() {
    for kind in ["busy", "silent", "empty-handed"] {
        let (mut catch_up, tip, mut asked) = (catch_up(), Height(5), vec![]);
        catch_up.on_status(LIAR, &status(1_000_000));
        catch_up.on_status(HONEST, &status(5));
        assert!(!catch_up.at_tip(tip, true), "{kind}: nobody was asked yet");
        for now in (0..600_000).step_by(100) {
            catch_up.read_clock(UnixMillis(now));
            catch_up.expire_questions();
            while let Some(question) = catch_up.next_question(tip) {
                assert_eq!(question.peer, LIAR);
                asked.push(now);
                match kind {
                    "busy" => catch_up.failed(question.request, 0),
                    "silent" => {}
                    _ => assert!(deliver(&mut catch_up, question.request, 0, tip)),
                }
            }
            assert!(now < 6_000 || catch_up.at_tip(tip, false), "{kind}: not at the tip after {now} ms");
            assert_eq!(catch_up.backed_target(tip), None, "{kind}");
        }
        assert!((15..60).contains(&asked.len()), "{kind}: asked {} times in ten minutes: {asked:?}", asked.len());
    }
}

#[test]
fn peers_that_come_and_go_keep_us_from_being_ready_for_a_while_only() {
    let (mut catch_up, tip, mut ready) = (catch_up(), Height(5), vec![]);
    for second in 0..60 {
        catch_up.read_clock(UnixMillis(second * 1_000));
        catch_up.on_gone(PeerTag(second));
        catch_up.on_status(PeerTag(second + 1), &status(1_000_000));
        ready.push(catch_up.at_tip(tip, true));
    }
    assert_eq!(ready.iter().position(|ready| *ready), Some(31), "a third of the stake speaks: it is believed");
    assert!(!catch_up.at_tip(tip, false), "without it, somebody may be right");
}

#[test]
fn a_block_that_is_just_being_decided_is_not_asked_for_at_once() {
    let mut catch_up = catch_up();
    catch_up.read_clock(UnixMillis(1_000));
    catch_up.tip_moved(Height(7));
    catch_up.on_status(HONEST, &status(8));
    catch_up.read_clock(UnixMillis(1_010));
    assert!(catch_up.next_question(Height(7)).is_none());
    catch_up.read_clock(UnixMillis(1_000 + PATIENCE_MS));
    assert!(catch_up.next_question(Height(7)).is_some());
}

#[test]
fn a_clock_that_is_set_back_delays_no_question() {
    let mut catch_up = catch_up();
    catch_up.read_clock(UnixMillis(5_000_000));
    catch_up.tip_moved(Height(7));
    catch_up.on_status(HONEST, &status(8));
    catch_up.read_clock(UnixMillis(1_000));
    assert!(catch_up.next_question(Height(7)).is_none());
    catch_up.read_clock(UnixMillis(1_000 + PATIENCE_MS));
    assert!(catch_up.next_question(Height(7)).is_some());
}

#[test]
fn strangers_are_asked_in_turn_and_the_next_one_when_the_last_is_slow() {
    let mut catch_up = catch_up();
    for peer in 1..=5 {
        catch_up.on_status(PeerTag(peer), &status(100));
    }
    let mut asked = vec![];
    for now in (0..10_000).step_by(500) {
        catch_up.read_clock(UnixMillis(now));
        asked.extend(catch_up.next_question(Height(0)).map(|question| (now, question.peer.0)));
        assert!(catch_up.next_question(Height(0)).is_none());
    }
    assert_eq!(asked, [(0, 1), (2_000, 2), (4_000, 3)], "three at most");
}

#[test]
fn one_that_delivers_is_asked_at_a_time_and_the_fastest_first() {
    let (mut catch_up, slow) = (catch_up(), PeerTag(3));
    catch_up.on_status(slow, &status(10_000));
    let first = catch_up.next_question(Height(0)).unwrap();
    catch_up.read_clock(UnixMillis(2_000));
    catch_up.on_status(HONEST, &status(10_000));
    let second = catch_up.next_question(Height(0)).unwrap();
    assert_eq!((first.peer, second.peer), (slow, HONEST));
    catch_up.read_clock(UnixMillis(2_100));
    assert!(deliver(&mut catch_up, second.request, 256, Height(256)));
    catch_up.read_clock(UnixMillis(3_000));
    assert!(deliver(&mut catch_up, first.request, 1, Height(257)));
    assert!(!deliver(&mut catch_up, first.request, 1, Height(257)), "an answer counts once");
    for _ in 0..5 {
        let next = catch_up.next_question(Height(257)).unwrap();
        assert_eq!(next.peer, HONEST);
        assert!(catch_up.next_question(Height(257)).is_none());
        assert!(deliver(&mut catch_up, next.request, 256, Height(257)));
    }
}

#[test]
fn a_busy_peer_is_left_alone_for_as_long_as_it_asks() {
    let mut catch_up = catch_up();
    catch_up.read_clock(UnixMillis(30));
    catch_up.on_status(HONEST, &status(100));
    let question = catch_up.next_question(Height(0)).unwrap();
    catch_up.failed(question.request, 500);
    catch_up.read_clock(UnixMillis(529));
    assert!(catch_up.next_question(Height(0)).is_none());
    catch_up.read_clock(UnixMillis(530));
    assert!(catch_up.next_question(Height(0)).is_some());
}

/// Follows until the tip is `until`, over a link that carries one answer after the other. `takes_ms` says how long this
/// many blocks of a peer take on it, or that they never arrive; the network drops answers that take longer than 15 s.
fn follow(
    catch_up: &mut CatchUp,
    until: Height,
    takes_ms: impl Fn(PeerTag, u32) -> Option<u64>,
) -> (Vec<(PeerTag, u32)>, UnixMillis) {
    let (mut tip, mut now, mut asked) = (Height(0), UnixMillis(0), vec![]);
    let (mut free_at, mut answers) = (now, vec![]);
    while tip < until {
        catch_up.read_clock(now);
        catch_up.expire_questions();
        while let Some(question) = catch_up.next_question(tip) {
            let (peer, count) = (question.peer, question.count);
            asked.push((peer, count));
            let Some(ms) = takes_ms(peer, count) else { continue };
            let comes_at = free_at.max(now).plus(ms);
            let in_time = comes_at <= now.plus(15_000);
            free_at = if in_time { comes_at } else { now.plus(15_000) };
            answers.push((free_at, question.request, question.from, if in_time { count } else { 0 }));
        }
        let (due, later): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(at, ..)| *at <= now);
        answers = later;
        for (_, request, from, count) in due {
            let reached = Height(from.0 - 1 + u64::from(count)).max(tip);
            let new = usize::try_from(reached.0 - tip.0).unwrap();
            tip = reached;
            if count == 0 {
                catch_up.failed(request, 500);
            } else {
                deliver(catch_up, request, new, tip);
            }
        }
        now = now.plus(PATIENCE_MS);
        assert!(now < UnixMillis(100_000_000), "it gets nowhere: {asked:?}");
    }
    (asked, now)
}

#[test]
fn over_a_slow_link_ever_fewer_blocks_are_asked_for_until_they_come_in_time() {
    let mut catch_up = catch_up();
    catch_up.on_status(HONEST, &status(1_000));
    let (asked, now) = follow(&mut catch_up, Height(200), |_, count| Some(u64::from(count) * 1_000));
    let counts: Vec<_> = asked.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts[..4], [256, 64, 16, 4], "all but the last took longer than was waited for");
    assert!(now < UnixMillis(3 * 200 * 1_000), "{now:?} for what takes 200 s without a mistake");
}

/// A block of 2 MiB takes 8.4 s at 2 Mbit/s. Several peers are asked, and all answers share the link.
#[test]
fn full_blocks_come_through_at_two_megabits_from_several_peers() {
    let mut catch_up = catch_up();
    for peer in 1..=4 {
        catch_up.on_status(PeerTag(peer), &status(1_000));
    }
    let takes_ms = |_, count: u32| Some(u64::from(count.min(2)) * 8_400);
    let (asked, now) = follow(&mut catch_up, Height(50), takes_ms);
    assert!(now < UnixMillis(3 * 50 * 8_400), "{now:?} for what takes 420 s without a mistake: {asked:?}");
}

/// SPEC GOSSIP-4.
#[test]
fn a_new_peer_may_lack_what_we_sent_before_and_strangers_cannot_make_us_repeat_without_end() {
    let mut catch_up = catch_up();
    let both = Lacks { votes: true, own: true };
    assert_eq!(catch_up.on_status(HONEST, &status(5)), both, "our only peer");
    assert_eq!(catch_up.on_status(HONEST, &status(6)), Lacks::default(), "it was told already");
    assert_eq!(catch_up.on_status(LIAR, &status(5)), Lacks::default(), "too soon");
    for again in 1..=10 {
        catch_up.on_gone(LIAR);
        catch_up.read_clock(UnixMillis(again * VOTES_AGAIN_MS / 2));
        let lacks = catch_up.on_status(LIAR, &status(5));
        let own = again * VOTES_AGAIN_MS / 2 >= OWN_AGAIN_MS;
        assert_eq!(lacks, Lacks { votes: again % 2 == 0, own }, "after {again} half intervals");
    }
    catch_up.on_gone(LIAR);
    catch_up.on_gone(HONEST);
    assert_eq!(catch_up.on_status(HONEST, &status(5)), Lacks { votes: false, own: true }, "our only peer again");
}

#[test]
fn silent_peers_make_nobody_else_slow() {
    let mut catch_up = catch_up();
    for peer in 1..=20 {
        catch_up.on_status(PeerTag(peer), &status(1_000_000));
    }
    let honest = PeerTag(20);
    let takes_ms = |peer, _| (peer == honest).then_some(1_000);
    let (asked, now) = follow(&mut catch_up, Height(256 * 100), takes_ms);
    let of_honest: Vec<_> = asked.iter().filter(|(peer, _)| *peer == honest).collect();
    assert!(of_honest.iter().all(|(_, count)| *count == 256), "{asked:?}");
    assert!(now < UnixMillis(150_000), "{now:?} for what takes 100 s of an honest peer that is asked last");
}
