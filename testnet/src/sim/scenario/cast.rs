//! The participants of a run, and those of them that may cause trouble: less than a third of the stake together.
//!
//! Start reading at [`Cast::of`].

use super::Theme;
use crate::sim::byzantine::Crime;
use crate::sim::dice::Dice;
use blockchat_proto::coins::Coins;
use blockchat_proto::keys::Signer;

/// The participants, before anything else is chosen.
pub(super) struct Cast {
    pub(super) validators: Vec<(Signer, Coins)>,
    /// Index of each liar, with its crime.
    pub(super) liars: Vec<(usize, Crime)>,
    /// May lose its data.
    pub(super) forgetful: Option<usize>,
    /// May leave the set.
    pub(super) leaver: Option<usize>,
    /// Stakes later.
    pub(super) joiner: Option<Signer>,
    pub(super) observer: bool,
}

impl Cast {
    pub(super) fn of(theme: Theme, seed: u64, dice: &mut Dice) -> Self {
        // One of seven holds less than a sixth: a version begins that it does not know.
        let least = match theme {
            Theme::Jail => 6,
            Theme::Upgrade => 7,
            _ => 4,
        };
        let count = dice.range(least..=7);
        let mut validators: Vec<_> =
            (0..count).map(|_| (Signer::from_seed(&dice.bytes()), Coins::from_bcc(dice.range(10..=30)))).collect();
        // The first is the one with the least, so that there is always room for a liar.
        validators.sort_by_key(|(signer, stake)| (*stake, signer.address()));
        let mut room = Room::of(&validators);
        let lying = matches!(theme, Theme::Liars | Theme::LiarsAndCrashes | Theme::Everything);
        let first = usize::try_from(seed / 10).expect("a seed divided by ten") + usize::from(seed % 10 == 7) * 3;
        let crimes = [Crime::ALL[first % Crime::ALL.len()], Crime::ALL[dice.index(Crime::ALL.len())]];
        let liars = if lying { room.take(2).into_iter().zip(crimes).collect() } else { vec![] };
        let wipes = matches!(theme, Theme::Storm | Theme::KillAll | Theme::Everything);
        let forgetful = if wipes { room.take(1).pop() } else { None };
        let leaves = theme == Theme::Change && validators.len() > 5;
        let leaver = if leaves { room.take(1).pop() } else { None };
        let changes = matches!(theme, Theme::Change | Theme::Everything);
        let joiner = changes.then(|| Signer::from_seed(&dice.bytes()));
        // Some node must ask liars for old blocks.
        let observer = theme == Theme::Liars || dice.permille(300);
        Self { validators, liars, forgetful, leaver, joiner, observer }
    }
}

/// Members that may still get a part that takes their stake out of the quorum: less than a third together.
struct Room<'a> {
    validators: &'a [(Signer, Coins)],
    next: usize,
    given: u64,
}

impl<'a> Room<'a> {
    fn of(validators: &'a [(Signer, Coins)]) -> Self {
        Self { validators, next: 0, given: 0 }
    }

    /// At most so many of the next validators, in the order of their stakes.
    fn take(&mut self, most: usize) -> Vec<usize> {
        let total: u64 = self.validators.iter().map(|(_, stake)| stake.micros()).sum();
        let mut taken = vec![];
        while taken.len() < most {
            let Some((_, stake)) = self.validators.get(self.next) else { break };
            if 3 * (self.given + stake.micros()) >= total {
                break;
            }
            self.given += stake.micros();
            taken.push(self.next);
            self.next += 1;
        }
        taken
    }
}
