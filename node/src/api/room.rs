//! Room that clients share: connections, bytes of bodies and answers, event streams. Pure but for the lock around it.
//!
//! Always true:
//! - as long as there is room, no request is refused;
//! - without room, the client that holds the most gives some up, its oldest part first, so that a crowd from one address,
//!   or clients that stand still, never keep others out;
//! - what was taken comes back when its [`Place`] is dropped.
//!
//! Start reading at [`Room::grow`].

use super::caller::Client;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Chooses the client that gives up its room when there is none left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yields {
    /// Whatever stands still, the oldest of the client that holds the most.
    Oldest,
    /// The same, but only for a client that holds less: among equals, the one that comes last is refused.
    ToSmaller,
    /// Nothing.
    Never,
}

type Ticket = u64;

/// The room that a client holds.
#[derive(Debug)]
struct Held<T> {
    client: Client,
    size: usize,
    /// Since when it stands still, in the order of things; `None` while the node works on it.
    still: Option<u64>,
    owner: T,
}

/// So much, shared by all.
#[derive(Debug)]
struct Room<T> {
    most: usize,
    most_each: usize,
    yields: Yields,
    /// Orders what happens, and numbers tickets.
    clock: u64,
    held: BTreeMap<Ticket, Held<T>>,
}

/// There is no room, and no client can give any up.
#[derive(Debug, PartialEq, Eq)]
struct Full;

impl<T> Room<T> {
    fn new(most: usize, most_each: usize, yields: Yields) -> Self {
        Self { most, most_each, yields, clock: 0, held: BTreeMap::new() }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// A place that holds nothing yet.
    fn enter(&mut self, client: Client, owner: T) -> Ticket {
        let now = self.tick();
        self.held.insert(now, Held { client, size: 0, still: Some(now), owner });
        now
    }

    /// Takes so much more; returns the owners of the room that must be given up for it. A single client may have more
    /// than there is.
    fn grow(&mut self, ticket: Ticket, more: usize) -> Result<Vec<T>, Full> {
        let Some(own) = self.held.get(&ticket) else { return Err(Full) };
        let (client, size) = (own.client, own.size);
        let mut shares = self.shares();
        let share = shares.get(&client).copied().unwrap_or(0) + more;
        if share > self.most_each {
            return Err(Full);
        }
        let (mut used, mut leaving) = (shares.values().sum::<usize>(), vec![]);
        while used + more > self.most && used > size {
            let victim = self.victim(ticket, share, &shares, &leaving).ok_or(Full)?;
            let gone = &self.held[&victim];
            used -= gone.size;
            shares.entry(gone.client).and_modify(|share| *share -= gone.size);
            leaving.push(victim);
        }
        if let Some(own) = self.held.get_mut(&ticket) {
            own.size += more;
        }
        Ok(leaving.iter().filter_map(|victim| self.held.remove(victim)).map(|gone| gone.owner).collect())
    }

    /// The room of each client.
    fn shares(&self) -> BTreeMap<Client, usize> {
        let mut shares = BTreeMap::new();
        self.held.values().for_each(|held| *shares.entry(held.client).or_default() += held.size);
        shares
    }

    /// Of what stands still, the oldest of the client that holds the most.
    fn victim(
        &self,
        own: Ticket,
        own_share: usize,
        shares: &BTreeMap<Client, usize>,
        leaving: &[Ticket],
    ) -> Option<Ticket> {
        let share = |held: &Held<T>| shares.get(&held.client).copied().unwrap_or(0);
        let may = |held: &Held<T>| match self.yields {
            Yields::Oldest => true,
            Yields::ToSmaller => share(held) > own_share,
            Yields::Never => false,
        };
        let found = self.held.iter().filter(|(ticket, held)| {
            **ticket != own && held.size > 0 && held.still.is_some() && may(held) && !leaving.contains(ticket)
        });
        found.max_by_key(|(_, held)| (share(held), Reverse(held.still))).map(|(ticket, _)| *ticket)
    }

    /// It stands still from now on, or the node works on it.
    fn stands_still(&mut self, ticket: Ticket, still: bool) {
        let now = self.tick();
        if let Some(held) = self.held.get_mut(&ticket) {
            held.still = still.then_some(now);
        }
    }
}

/// A room and its lock. A client that must leave is told by its token.
#[derive(Clone, Debug)]
pub(super) struct SharedRoom(Arc<Mutex<Room<CancellationToken>>>);

impl SharedRoom {
    /// Room for `most` in all, and `most_each` for one client.
    pub(super) fn new(most: usize, most_each: usize, yields: Yields) -> Self {
        Self(Arc::new(Mutex::new(Room::new(most, most_each, yields))))
    }

    /// Takes `size`, unless it is refused; `ended` is cancelled if it has to be given up.
    pub(super) fn take(&self, client: Client, size: usize, ended: CancellationToken) -> Option<Place> {
        let place = self.enter(client, ended);
        place.grow(size).then_some(place)
    }

    /// A place that holds nothing yet.
    pub(super) fn enter(&self, client: Client, ended: CancellationToken) -> Place {
        Place { room: self.clone(), ticket: self.lock().enter(client, ended) }
    }

    fn lock(&self) -> MutexGuard<'_, Room<CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: SharedRoom,
    ticket: Ticket,
}

impl Place {
    /// Takes more; `false` if there is no room for it.
    pub(super) fn grow(&self, more: usize) -> bool {
        let grown = self.room.lock().grow(self.ticket, more);
        match grown {
            Ok(leaving) => {
                leaving.iter().for_each(CancellationToken::cancel);
                true
            }
            Err(Full) => false,
        }
    }

    /// Says whether it waits for its client, and may be taken away, or the node works on it.
    pub(super) fn stands_still(&self, still: bool) {
        self.room.lock().stands_still(self.ticket, still);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.lock().held.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::of([10, 0, 0, last].into(), 0)
    }

    /// Takes one part; returns the client that must leave for it.
    fn take<'a>(room: &mut Room<&'a str>, client: Client, name: &'a str) -> Result<Vec<&'a str>, Full> {
        let ticket = room.enter(client, name);
        let taken = room.grow(ticket, 1);
        if taken.is_err() {
            room.held.remove(&ticket);
        }
        taken
    }

    #[test]
    fn idle_room_is_refused_to_nobody() {
        let mut room = Room::new(100, 100, Yields::ToSmaller);
        (0..100).for_each(|_| assert_eq!(take(&mut room, client(1), "crowd"), Ok(vec![])));
        assert_eq!(take(&mut room, client(1), "one more"), Err(Full));
    }

    #[test]
    fn the_client_that_holds_the_most_gives_up_its_oldest() {
        let mut room = Room::new(4, 4, Yields::Oldest);
        take(&mut room, client(2), "honest").unwrap();
        for name in ["first", "second", "third"] {
            take(&mut room, client(1), name).unwrap();
        }
        assert_eq!(take(&mut room, client(3), "newcomer"), Ok(vec!["first"]));
        assert_eq!(take(&mut room, client(1), "fourth"), Ok(vec!["second"]), "of its own, too");
    }

    #[test]
    fn what_the_node_works_on_stays() {
        let mut room = Room::new(2, 2, Yields::Oldest);
        let busy = room.enter(client(1), "busy");
        room.grow(busy, 1).unwrap();
        room.stands_still(busy, false);
        take(&mut room, client(1), "still").unwrap();
        assert_eq!(take(&mut room, client(2), "newcomer"), Ok(vec!["still"]));
        room.held.retain(|ticket, _| *ticket == busy);
        let other = room.enter(client(1), "busy too");
        room.grow(other, 1).unwrap();
        room.stands_still(other, false);
        assert_eq!(take(&mut room, client(2), "newcomer"), Err(Full));
    }

    #[test]
    fn among_equals_the_last_one_is_refused_where_only_the_larger_yield() {
        let mut room = Room::new(2, 2, Yields::ToSmaller);
        take(&mut room, client(1), "one").unwrap();
        take(&mut room, client(1), "two").unwrap();
        assert_eq!(take(&mut room, client(2), "newcomer"), Ok(vec!["one"]));
        assert_eq!(take(&mut room, client(3), "late"), Err(Full));
    }

    #[test]
    fn one_client_has_no_more_than_its_part() {
        let mut room = Room::new(4, 2, Yields::Never);
        take(&mut room, client(1), "one").unwrap();
        take(&mut room, client(1), "two").unwrap();
        assert_eq!(take(&mut room, client(1), "three"), Err(Full));
        assert_eq!(take(&mut room, client(2), "other"), Ok(vec![]));
    }

    #[test]
    fn alone_somebody_may_have_more_than_there_is() {
        let mut room = Room::new(10, usize::MAX, Yields::Oldest);
        let large = room.enter(client(1), "large");
        assert_eq!(room.grow(large, 50), Ok(vec![]));
        let next = room.enter(client(2), "next");
        assert_eq!(room.grow(next, 50), Ok(vec!["large"]));
    }

    #[test]
    fn what_is_dropped_comes_back() {
        let room = SharedRoom::new(1, 1, Yields::Never);
        let place = room.take(client(1), 1, CancellationToken::new());
        assert!(room.take(client(2), 1, CancellationToken::new()).is_none());
        drop(place);
        assert!(room.take(client(2), 1, CancellationToken::new()).is_some());
    }
}
