//! A slow, obvious mempool: two vectors, everything looked at every time. What [`super::against_model`] compares with.

use super::*;
use blockchat_proto::ledger::fee_for;
use std::collections::BTreeMap;

/// The participants.
pub(super) const PEOPLE: u8 = 5;

pub(super) fn config() -> EngineConfig {
    EngineConfig {
        pool_transactions_max: 10,
        pool_bytes_max: 3_000,
        pool_sender_share: 2,
        shelf_max: 6,
        refused_max: 1_000,
        ..EngineConfig::default()
    }
}

pub(super) struct Shelved {
    pub(super) transaction: VerifiedTransaction,
    until: UnixMillis,
}

pub(super) struct Model {
    pub(super) config: EngineConfig,
    pub(super) pooled: Vec<VerifiedTransaction>,
    pub(super) shelf: Vec<Shelved>,
    pub(super) own: Vec<TransactionId>,
    pub(super) forgotten: Vec<TransactionId>,
    pub(super) replaced: BTreeMap<Address, u32>,
    pub(super) served: Address,
    pub(super) now: UnixMillis,
}

pub(super) fn has_nonce(transaction: &VerifiedTransaction) -> bool {
    transaction.transaction().body.needs_nonce()
}

pub(super) fn bytes(transactions: &[VerifiedTransaction]) -> usize {
    transactions.iter().map(|transaction| transaction.bytes().len()).sum()
}

impl Model {
    pub(super) fn new() -> Self {
        let (pooled, shelf, own, forgotten) = (vec![], vec![], vec![], vec![]);
        let (replaced, served) = (BTreeMap::new(), Address([0; 32]));
        Self { config: config(), pooled, shelf, own, forgotten, replaced, served, now: START }
    }

    fn row(&self, sender: Address) -> Vec<VerifiedTransaction> {
        let of_sender =
            self.pooled.iter().filter(|transaction| transaction.sender() == sender && has_nonce(transaction));
        let mut row: Vec<_> = of_sender.cloned().collect();
        row.sort_by_key(VerifiedTransaction::nonce);
        row
    }

    /// All people who might have a row, longest row first; among equals, the higher address.
    fn by_length(&self) -> Vec<(usize, Address)> {
        let mut all: Vec<_> = (1..=PEOPLE).map(|person| (self.row(address(person)).len(), address(person))).collect();
        all.sort();
        all.reverse();
        all
    }

    pub(super) fn account(&self, ledger: &Ledger, sender: Address) -> blockchat_proto::ledger::Account {
        let mut account = ledger.account(&sender);
        for transaction in self.row(sender) {
            ledger.project(&mut account, &transaction).expect("what is pooled can be applied");
        }
        account
    }

    fn refuse(&mut self, id: TransactionId) {
        if self.own.contains(&id) {
            self.own.retain(|own| *own != id);
            self.forgotten.push(id);
        }
    }

    pub(super) fn submit(
        &mut self,
        ledger: &Ledger,
        transactions: &[VerifiedTransaction],
        ours: bool,
    ) -> Vec<SubmitOutcome> {
        let mut order: Vec<_> = (0..transactions.len()).collect();
        order.sort_by_key(|index| transactions[*index].nonce());
        let mut outcomes = vec![SubmitOutcome::Pooled; transactions.len()];
        for index in order {
            outcomes[index] = self.admit(ledger, &transactions[index], !ours);
            let id = transactions[index].id();
            let let_in = matches!(outcomes[index], SubmitOutcome::Pooled | SubmitOutcome::Queued);
            if ours && let_in && !self.own.contains(&id) {
                self.own.push(id);
            }
        }
        outcomes
    }

    /// `any`: may it replace what pays less?
    fn admit(&mut self, ledger: &Ledger, transaction: &VerifiedTransaction, any: bool) -> SubmitOutcome {
        if self.pooled.contains(transaction) {
            return SubmitOutcome::Pooled;
        }
        if self.shelf.iter().any(|shelved| shelved.transaction == *transaction) {
            return SubmitOutcome::Queued;
        }
        let stale = transaction.nonce() < ledger.account(&transaction.sender()).next_nonce;
        let admitted = match has_nonce(transaction) {
            true => self.admit_in_turn(ledger, transaction, any),
            false => self.admit_activate(ledger, transaction).map(|()| SubmitOutcome::Pooled),
        };
        match admitted {
            Ok(outcome) => outcome,
            Err(reason) if stale || !has_nonce(transaction) => SubmitOutcome::MaybeFinal(reason),
            Err(reason) => SubmitOutcome::Refused(reason),
        }
    }

    fn admit_activate(&mut self, ledger: &Ledger, transaction: &VerifiedTransaction) -> Result<(), TxRejected> {
        let sender = transaction.sender();
        ledger.project(&mut ledger.account(&sender), transaction)?;
        if self.pooled.iter().any(|other| other.sender() == sender && !has_nonce(other)) {
            return Err(TxRejected::NonceTaken { nonce: 0 });
        }
        self.make_room(sender, 1, transaction.bytes().len())?;
        self.pooled.push(transaction.clone());
        Ok(())
    }

    fn admit_in_turn(
        &mut self,
        ledger: &Ledger,
        transaction: &VerifiedTransaction,
        any: bool,
    ) -> Result<SubmitOutcome, TxRejected> {
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        let on_chain = ledger.account(&sender).next_nonce;
        let mut account = self.account(ledger, sender);
        let next = account.next_nonce;
        if nonce < on_chain {
            return Err(wrong_nonce(on_chain, nonce));
        }
        if nonce < next {
            return self.replace_in_row(ledger, transaction, any).map(|()| SubmitOutcome::Pooled);
        }
        if nonce > next {
            account.next_nonce = nonce;
            match ledger.project(&mut account, transaction) {
                Ok(_) | Err(TxRejected::StakeUnchanged { .. }) => {}
                Err(reason) => return Err(reason),
            }
            let place = |shelved: &Shelved| (shelved.transaction.sender(), shelved.transaction.nonce());
            match self.shelf.iter().position(|shelved| place(shelved) == (sender, nonce)) {
                Some(index) => {
                    let held = self.shelf[index].transaction.clone();
                    self.check_replacement(ledger, &held, transaction, any)?;
                    self.shelf[index].transaction = transaction.clone();
                    self.gone_for(&held, transaction);
                }
                None => self.shelve(transaction.clone())?,
            }
            return Ok(SubmitOutcome::Queued);
        }
        self.append(ledger, transaction)?;
        self.promote(ledger, sender);
        Ok(SubmitOutcome::Pooled)
    }

    fn check_replacement(
        &self,
        ledger: &Ledger,
        held: &VerifiedTransaction,
        transaction: &VerifiedTransaction,
        any: bool,
    ) -> Result<(), TxRejected> {
        if !any {
            return Err(TxRejected::NonceTaken { nonce: held.nonce() });
        }
        let fee = |of: &VerifiedTransaction| fee_for(&of.transaction().body, ledger.parameters()).unwrap();
        let step = fee(held).micros().div_ceil(8).max(ledger.parameters().fee_min.micros());
        let needed = Coins::from_micros(fee(held).micros() + step).unwrap();
        if fee(transaction) < needed {
            return Err(TxRejected::FeeTooLow { needed, found: fee(transaction) });
        }
        match self.replaced.get(&held.sender()) {
            Some(64) => Err(TxRejected::ReplacedTooOften { limit: 64 }),
            _ => Ok(()),
        }
    }

    fn replace_in_row(
        &mut self,
        ledger: &Ledger,
        transaction: &VerifiedTransaction,
        any: bool,
    ) -> Result<(), TxRejected> {
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        let row = self.row(sender);
        let held = row.iter().find(|pooled| pooled.nonce() == nonce).expect("rows have no gaps").clone();
        self.check_replacement(ledger, &held, transaction, any)?;
        let mut account = ledger.account(&sender);
        for earlier in row.iter().filter(|pooled| pooled.nonce() < nonce) {
            ledger.project(&mut account, earlier).expect("what is pooled can be applied");
        }
        ledger.project(&mut account, transaction)?;
        let growth = transaction.bytes().len().saturating_sub(held.bytes().len());
        if bytes(&row) + growth > (self.config.pool_bytes_max / self.config.pool_sender_share).max(2_048) {
            return Err(TxRejected::SenderLimit { limit: row.len() });
        }
        self.make_room(sender, 0, growth)?;
        self.pooled.retain(|pooled| *pooled != held);
        self.pooled.push(transaction.clone());
        self.gone_for(&held, transaction);
        self.drop_unpayable(ledger, sender);
        Ok(())
    }

    fn gone_for(&mut self, held: &VerifiedTransaction, by: &VerifiedTransaction) {
        *self.replaced.entry(held.sender()).or_default() += 1;
        if self.own.contains(&held.id()) {
            self.refuse(held.id());
            self.own.push(by.id());
        }
    }

    fn append(&mut self, ledger: &Ledger, transaction: &VerifiedTransaction) -> Result<(), TxRejected> {
        let sender = transaction.sender();
        ledger.project(&mut self.account(ledger, sender), transaction)?;
        let row = self.row(sender);
        let share = self.config.pool_sender_share;
        let bytes_max = (self.config.pool_bytes_max / share).max(2_048);
        let too_long = bytes(&row) + transaction.bytes().len() > bytes_max;
        if row.len() >= self.config.pool_transactions_max / share || (too_long && !row.is_empty()) {
            return Err(TxRejected::SenderLimit { limit: row.len() });
        }
        self.make_room(sender, 1, transaction.bytes().len())?;
        self.pooled.push(transaction.clone());
        Ok(())
    }

    fn promote(&mut self, ledger: &Ledger, sender: Address) {
        loop {
            let next = self.account(ledger, sender).next_nonce;
            let due = |shelved: &Shelved| shelved.transaction.sender() == sender && shelved.transaction.nonce() == next;
            let Some(index) = self.shelf.iter().position(due) else {
                return;
            };
            let transaction = self.shelf.remove(index).transaction;
            if self.append(ledger, &transaction).is_err() {
                return self.refuse(transaction.id());
            }
        }
    }

    fn fits(&self, more: usize, new_bytes: usize, without: &[VerifiedTransaction]) -> bool {
        self.pooled.len() - without.len() + more <= self.config.pool_transactions_max
            && bytes(&self.pooled) - bytes(without) + new_bytes <= self.config.pool_bytes_max
    }

    fn make_room(&mut self, sender: Address, more: usize, new_bytes: usize) -> Result<(), TxRejected> {
        if self.fits(more, new_bytes, &[]) {
            return Ok(());
        }
        let after = self.row(sender).len() + more;
        for (length, victim) in self.by_length() {
            let row = self.row(victim);
            for left in (after..length).rev() {
                let end = &row[left..];
                let ours = end.iter().any(|transaction| self.own.contains(&transaction.id()));
                if !ours && self.fits(more, new_bytes, end) {
                    self.pooled.retain(|pooled| !end.contains(pooled));
                    return Ok(());
                }
            }
        }
        Err(TxRejected::PoolFull)
    }

    fn shelve(&mut self, transaction: VerifiedTransaction) -> Result<(), TxRejected> {
        let of = |sender: Address| self.shelf.iter().filter(move |shelved| shelved.transaction.sender() == sender);
        let (sender, nonce) = (transaction.sender(), transaction.nonce());
        let held = of(sender).count();
        if of(sender).any(|shelved| shelved.transaction.nonce() == nonce) {
            return Err(TxRejected::NonceTaken { nonce });
        }
        if held >= self.config.shelf_max / 2 {
            return Err(TxRejected::SenderLimit { limit: self.config.shelf_max / 2 });
        }
        if self.shelf.len() >= self.config.shelf_max {
            let most = (1..=PEOPLE).map(|person| (of(address(person)).count(), address(person))).max();
            let (count, victim) = most.expect("there are people");
            let last = of(victim).map(|shelved| &shelved.transaction).max_by_key(|transaction| transaction.nonce());
            let last = last.filter(|last| count > held + 1 && !self.own.contains(&last.id()));
            let last = last.ok_or(TxRejected::PoolFull)?.clone();
            self.shelf.retain(|shelved| shelved.transaction != last);
        }
        let until = self.now.plus(self.config.shelf_ms);
        self.shelf.push(Shelved { transaction, until });
        Ok(())
    }

    fn cut(&mut self, sender: Address, nonce: u64) {
        let end: Vec<_> = self.row(sender).into_iter().filter(|transaction| transaction.nonce() >= nonce).collect();
        self.pooled.retain(|pooled| !end.contains(pooled));
        for (index, transaction) in end.into_iter().enumerate() {
            let id = transaction.id();
            if index == 0 || self.shelve(transaction).is_err() {
                self.refuse(id);
            }
        }
    }

    pub(super) fn block(&mut self, ledger: &Ledger, block: &[VerifiedTransaction]) {
        for transaction in block {
            self.refuse(transaction.id());
            if has_nonce(transaction) {
                self.replaced.remove(&transaction.sender());
            }
        }
        self.pooled.retain(|pooled| !block.contains(pooled));
        self.shelf.retain(|shelved| !block.contains(&shelved.transaction));
        let mut people: Vec<_> = (1..=PEOPLE).map(address).collect();
        people.sort();
        people.iter().for_each(|sender| self.drop_used(ledger, *sender));
        self.drop_activates(ledger);
        self.drop_expired(ledger);
        people.iter().for_each(|sender| self.drop_unpayable(ledger, *sender));
        people.iter().for_each(|sender| self.promote(ledger, *sender));
        self.served =
            block.iter().rfind(|transaction| has_nonce(transaction)).map_or(self.served, |last| last.sender());
    }

    fn drop_used(&mut self, ledger: &Ledger, sender: Address) {
        let next = ledger.account(&sender).next_nonce;
        let used = |transaction: &VerifiedTransaction| {
            transaction.sender() == sender && has_nonce(transaction) && transaction.nonce() < next
        };
        let gone: Vec<_> = self.shelf.iter().map(|shelved| &shelved.transaction).chain(&self.pooled).cloned().collect();
        gone.iter().filter(|transaction| used(transaction)).for_each(|transaction| self.refuse(transaction.id()));
        self.pooled.retain(|transaction| !used(transaction));
        self.shelf.retain(|shelved| !used(&shelved.transaction));
    }

    fn drop_unpayable(&mut self, ledger: &Ledger, sender: Address) {
        let mut account = ledger.account(&sender);
        for transaction in self.row(sender) {
            if ledger.project(&mut account, &transaction).is_err() {
                return self.cut(sender, transaction.nonce());
            }
        }
    }

    fn drop_activates(&mut self, ledger: &Ledger) {
        let void = |transaction: &VerifiedTransaction| {
            !has_nonce(transaction) && ledger.project(&mut ledger.account(&transaction.sender()), transaction).is_err()
        };
        let gone: Vec<_> = self.pooled.iter().filter(|transaction| void(transaction)).cloned().collect();
        self.pooled.retain(|transaction| !gone.contains(transaction));
        gone.iter().for_each(|transaction| self.refuse(transaction.id()));
    }

    fn drop_expired(&mut self, ledger: &Ledger) {
        loop {
            let over = |transaction: &&VerifiedTransaction| {
                has_nonce(transaction)
                    && transaction.transaction().expiry.is_some_and(|expiry| expiry <= ledger.tip().height)
            };
            let expired = self.pooled.iter().filter(over);
            let first = expired.min_by_key(|transaction| (transaction.transaction().expiry, transaction.id()));
            let Some((sender, nonce)) = first.map(|transaction| (transaction.sender(), transaction.nonce())) else {
                return;
            };
            self.cut(sender, nonce);
        }
    }

    /// One by one: the sender that has been served least so far, in turn from the first after the last one served.
    pub(super) fn select(&self, count_max: usize, bytes_max: usize) -> Vec<VerifiedTransaction> {
        let mut turns: Vec<_> = (1..=PEOPLE).map(address).collect();
        turns.sort_by_key(|sender| (*sender <= self.served, *sender));
        let mut order: Vec<_> = self.pooled.iter().filter(|transaction| !has_nonce(transaction)).cloned().collect();
        order.sort_by_key(VerifiedTransaction::sender);
        for place in 0..self.config.pool_transactions_max {
            order.extend(turns.iter().filter_map(|sender| self.row(*sender).get(place).cloned()));
        }
        let fitting = |end: &usize| *end <= count_max && bytes(&order[..*end]) <= bytes_max;
        let end = (0..=order.len()).take_while(fitting).last().unwrap_or_default();
        order.truncate(end);
        order
    }

    pub(super) fn tick(&mut self, now: UnixMillis) {
        self.now = now;
        let late: Vec<_> = self.shelf.iter().filter(|shelved| shelved.until <= now).collect();
        let late: Vec<_> = late.into_iter().map(|shelved| shelved.transaction.id()).collect();
        self.shelf.retain(|shelved| shelved.until > now);
        late.into_iter().for_each(|id| self.refuse(id));
    }

    pub(super) fn refused(&mut self, transaction: &VerifiedTransaction) {
        if has_nonce(transaction) {
            self.cut(transaction.sender(), transaction.nonce());
        } else {
            self.pooled.retain(|pooled| pooled != transaction);
            self.refuse(transaction.id());
        }
    }
}
