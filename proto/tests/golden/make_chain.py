#!/usr/bin/env python3
"""Makes chain.txt, chain-events.txt and work.txt: a chain of 255 blocks, and the work of claims, by a program of its own that
knows proto/SPEC.md alone.

    python3 proto/tests/golden/make_chain.py            # writes the files, prints the tip and the state root

The standard library is all it needs. `made_elsewhere.rs` executes the chain and must come to the same roots. Where a rule
changes, change it here too, from the page and not from the code: two programs that disagree are the point of this one.
"""
import hashlib, os

# --- CODEC-1 ---------------------------------------------------------------------------------------------------------

def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    size = next(size for size in (1, 2, 4, 8) if n < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + n.to_bytes(size, "big")


def enc(x):
    if x is None:
        return b"\xf6"
    if x is True or x is False:
        return b"\xf5" if x else b"\xf4"
    if isinstance(x, int):
        return head(0, x)
    if isinstance(x, bytes):
        return head(2, len(x)) + x
    if isinstance(x, str):
        return head(3, len(x.encode())) + x.encode()
    if isinstance(x, (list, tuple)):
        return head(4, len(x)) + b"".join(map(enc, x))
    return head(5, len(x)) + b"".join(enc(k) + enc(v) for k, v in x.items())


def struct(*fields):
    return dict(enumerate(fields))

# --- HASH-1, HASH-2 --------------------------------------------------------------------------------------------------

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def H(label, *parts):
    return sha(bytes([len(label)]), label.encode(), *parts)


def u64be(n):
    return n.to_bytes(8, "big")


def tree_head(items):
    if not items:
        return sha(b"")
    if len(items) == 1:
        return sha(b"\0", items[0])
    k = 1
    while 2 * k < len(items):
        k *= 2
    return sha(b"\1", tree_head(items[:k]), tree_head(items[k:]))


def root(kind, items):
    return H(f"blockchat/root/{kind}/v1", u64be(len(items)), tree_head(items))


def item(x):
    return H("blockchat/item/v1", enc(x))

# --- Ed25519 (RFC 8032) ----------------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 else x
    return x, y, 1, x * y % P


POWERS = [base_point()]
while len(POWERS) < 256:
    POWERS.append(add(POWERS[-1], POWERS[-1]))


def times_base(n):
    point = (0, 1, 1, 0)
    for i in range(n.bit_length()):
        if n >> i & 1:
            point = add(point, POWERS[i])
    z = pow(point[2], P - 2, P)
    x, y = point[0] * z % P, point[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


class Key:
    def __init__(self, name):
        h = hashlib.sha512(name.encode() * 32).digest()
        self.name, self.a = name, int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.prefix, self.address = h[32:], times_base(self.a)

    def sign(self, message):
        r = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % L
        big_r = times_base(r)
        k = int.from_bytes(hashlib.sha512(big_r + self.address + message).digest(), "little") % L
        return big_r + ((r + k * self.a) % L).to_bytes(32, "little")

# --- The genesis -----------------------------------------------------------------------------------------------------

BCC = 1_000_000
DAY, HOUR = 86_400_000, 3_600_000
START = 1_700_000_000_000
CAPACITY, FEE_BP, FEE_CHAR, FEE_MIN = 8, 300, 10_000, 1_000
STAKE_MIN, STAKE_MAX, VALIDATORS_MIN = BCC, 50 * BCC, 3
UNBONDING, EVIDENCE, BURN_BP = 20_000, 10_000, 500
GRANT, GRANT_CAP_BP, CHURN, TREASURY = 4_000, 1, 9_000, 14_000
PARAMETERS = struct(CAPACITY, 50, 10_000, FEE_BP, FEE_CHAR, FEE_MIN, STAKE_MIN, STAKE_MAX, VALIDATORS_MIN, UNBONDING,
                    EVIDENCE, BURN_BP, GRANT, GRANT_CAP_BP, CHURN, 0)
PEOPLE = {name: Key(name) for name in "ABCDEFGHI"}
NAMES = {key.address: name for name, key in PEOPLE.items()}
STAKES = {"A": 30 * BCC, "B": 22 * BCC, "C": 25 * BCC, "D": 10 * BCC, "E": 8 * BCC, "F": 0}
FUNDED = sorted((PEOPLE[name].address, 50 * BCC, stake) for name, stake in STAKES.items())
GENESIS = struct("scenario", START, PARAMETERS, TREASURY, [struct(*one) for one in FUNDED], 1)
CHAIN = H("blockchat/genesis/v1", enc(GENESIS))


def sign(kind, key, x):
    return key.sign(H(f"blockchat/sign/{kind}/v1", CHAIN, enc(x)))

# --- Accounts and sets -----------------------------------------------------------------------------------------------

INACTIVE, ACTIVE, JAILED, BARRED = range(4)


class Account:
    def __init__(self):
        self.balance = self.stake = self.nonce = self.standing = self.newest = self.missing = self.led = 0
        self.last_present = self.power = self.waiting_since = self.jailings = self.last_jailed = self.announced = 0
        self.unbonding, self.claimed = [], False

    def canonical(self):
        bits = lambda b: struct(b >> 64, b & 2**64 - 1)
        return struct(self.balance, self.stake, self.nonce, [struct(*e) for e in self.unbonding], self.claimed,
                      self.standing, struct(self.newest, bits(self.missing), bits(self.led)), self.last_present,
                      self.power, self.waiting_since, self.jailings, self.last_jailed, self.announced)

    def move(self, height):  # ABS-1
        by = height - self.newest
        self.missing, self.led = self.missing << by & 2**100 - 1, self.led << by & 2**100 - 1
        self.newest = height

    def settle(self, since):  # VAL-5
        self.power = min(self.power, self.stake)
        waits = self.standing == ACTIVE and self.power < self.stake
        self.waiting_since = (self.waiting_since if since is None else since) if waits else 0

    def is_candidate(self):  # VAL-3
        return self.standing == ACTIVE and self.stake >= STAKE_MIN and self.power > 0


def set_hash(members):
    return H("blockchat/validators/v1", enc([struct(*member) for member in members]))


def total_of(members):
    return sum(power for _, power in members)


def leader_of(members, parent, height, round_):  # LEAD-1, LEAD-2
    left = []
    for i in range(round_ - round_ % len(members), round_ + 1):
        left = left or list(members)
        x = int.from_bytes(H("blockchat/leader/v1", parent, u64be(height), i.to_bytes(4, "big"))[:8], "big")
        point = x * total_of(left) >> 64
        for member in left:
            if point < member[1]:
                break
            point -= member[1]
        left.remove(member)
    return member[0]


def subtree(leaves, depth):  # STATE-2
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return sha(b"\0", *leaves[0])
    sides = [[], []]
    for leaf in leaves:
        sides[leaf[0][depth // 8] >> 7 - depth % 8 & 1].append(leaf)
    return sha(b"\1", subtree(sides[0], depth + 1), subtree(sides[1], depth + 1))

# --- The ledger ------------------------------------------------------------------------------------------------------

class Ledger:
    def __init__(self):
        self.accounts = {}
        for address, balance, stake in FUNDED:
            account = self.at(address)
            account.balance, account.stake, account.power = balance, stake, stake
            if stake:
                account.standing, account.last_present = ACTIVE, START
        self.height, self.time, self.parent, self.hash = 0, START, bytes(32), CHAIN
        self.decided = self.set = self.ranked()
        total = total_of(self.set)
        self.treasury, self.recent, self.version, self.next_begins = TREASURY, [(0, CHAIN, START)], 1, None
        self.churn, self.peak = (START, max(STAKE_MIN, total // 8)), (START, total, 0)
        self.marks, self.burned, self.grants = [(0, START)], 0, (START, self.day_of(total))

    @staticmethod
    def day_of(total):  # CLAIM-6
        return max(GRANT, total * GRANT_CAP_BP // 10_000)

    def at(self, address):
        return self.accounts.setdefault(address, Account())

    def candidates(self):
        return {address: account for address, account in self.accounts.items() if account.is_candidate()}

    def ranked(self):  # VAL-1
        members = [(address, account.power) for address, account in self.candidates().items()]
        return sorted(sorted(members, key=lambda m: (-m[1], m[0]))[:128])

    def floor(self):
        return min(VALIDATORS_MIN, 5)

    def root(self):
        key, value = "blockchat/state/key/v1", "blockchat/state/value/v1"
        nothing = enc(Account().canonical())
        leaves = [(H(key, b"account", address), H(value, enc(account.canonical())))
                  for address, account in self.accounts.items() if enc(account.canonical()) != nothing]
        system = struct(self.treasury, [struct(*r) for r in self.recent], struct(*self.churn), self.version,
                        self.next_begins, struct(*self.peak), [struct(*m) for m in self.marks], self.burned,
                        struct(*self.grants))
        others = {b"system": system, b"parameters": PARAMETERS, b"clock": [self.height, self.time, self.parent],
                  b"validators": [set_hash(self.decided), set_hash(self.set)]}
        leaves += [(H(key, name), H(value, enc(content))) for name, content in others.items()]
        return subtree(leaves, 0)

    # The steps of ORDER-1, in order. `present`: of the commit; `late`: signers of late precommits.

    def execute(self, time, leader, evidence, present, late, transactions):
        self.height, self.time, self.parent, block_set = self.height + 1, time, self.hash, self.set
        for offence in evidence:
            self.punish(*offence)
        self.absences(leader, present, late)
        self.granted = False
        fees = sum(self.apply(transaction) for transaction in transactions)
        self.at(leader).balance += fees
        for account in self.accounts.values():
            account.balance += sum(amount for amount, release in account.unbonding if release <= time)
            account.unbonding = [entry for entry in account.unbonding if entry[1] > time]
        self.ramp(block_set)
        next_set = self.ranked() or block_set
        for address, _ in next_set:
            if address not in dict(block_set):
                self.at(address).last_present = time
        self.move_system(next_set)
        self.decided, self.set = block_set, next_set

    def punish(self, accused, offence):  # EVID-2
        date = [mark[1] for mark in self.marks if mark[0] < offence][-1]
        account = self.at(accused)
        assert offence <= self.height and account.standing != BARRED and (account.stake or account.unbonding)
        share = account.stake * BURN_BP // 10_000
        account.stake, burned, entries = account.stake - share, share, []
        for amount, release in account.unbonding:
            share = amount * BURN_BP // 10_000 if release >= date + UNBONDING else 0
            burned += share
            entries += [(amount - share, release)] if amount > share else []
        account.unbonding, account.standing = entries, BARRED
        account.settle(None)
        self.burned += burned

    def absences(self, leader, present, late):  # ABS-1 to ABS-5
        for address in late:
            account = self.at(address)
            assert account.standing == ACTIVE and account.newest == self.height - 1 and account.missing & 1
            account.missing &= ~1
            account.last_present = self.time
        if self.height > 1:
            for address, _ in self.decided_parent:
                account = self.at(address)
                if account.standing == ACTIVE:
                    account.move(self.height)
                    if address in present:
                        account.last_present = self.time
                    else:
                        account.missing |= 1
        self.at(leader).move(self.height)
        self.at(leader).led |= 1
        if self.height > 1:
            self.jail()

    def jail(self):
        gone = []
        for address, _ in self.decided_parent:
            account = self.at(address)
            long = account.missing.bit_count() > 90 and self.time - account.last_present >= 30_000
            row = (account.missing + 1 & ~account.missing) - 1  # bits below the lowest one that is not set
            def led(other):
                other = self.at(other)
                return other.led << self.height - other.newest & 2**100 - 1
            accusers = sum(power for other, power in self.decided_parent if led(other) & row)
            if account.standing == ACTIVE and long and 3 * accusers > total_of(self.decided_parent):
                gone.append((account.last_present, address))
        if not gone:
            return
        worst = min(gone)[1]
        left = {address: one for address, one in self.candidates().items() if address != worst}
        power = sum(one.power for address, one in left.items() if address in dict(self.set))
        if len(left) >= self.floor() and 2 * power > max(self.peak[1:]):
            account = self.at(worst)
            again = account.jailings and self.time - account.last_jailed < DAY
            account.jailings, account.last_jailed = account.jailings + 1 if again else 1, self.time
            account.standing = JAILED
            account.settle(None)

    def apply(self, transaction):
        (sender, nonce, body), now = transaction, self.time
        account, (kind, ask) = self.at(sender), body
        if kind == "send":
            to, amount, text = ask
            fee = max(FEE_MIN, -(-amount * FEE_BP // 10_000) + FEE_CHAR * len(text or ""))
            assert nonce == account.nonce and account.balance >= amount + fee and (amount or text)
            account.balance, account.nonce = account.balance - amount - fee, nonce + 1
            self.at(to).balance += amount
            return fee
        if kind == "stake":
            added = ask - account.stake
            assert nonce == account.nonce and added and (ask == 0 or STAKE_MIN <= ask <= STAKE_MAX)
            assert added < 0 or account.standing != BARRED
            others = len(self.candidates()) - account.is_candidate()
            assert ask or not account.is_candidate() or others >= self.floor()
            account.balance, account.nonce = account.balance - max(added, 0) - FEE_MIN, nonce + 1
            assert account.balance >= 0 and (added > 0 or len(account.unbonding) < 8)
            if added < 0:
                account.unbonding.append((-added, now + UNBONDING))
            if (ask == 0 or account.stake == 0) and account.standing != BARRED:
                account.standing = INACTIVE
            account.stake = ask
            account.settle(now if added > 0 else None)
            return FEE_MIN
        assert nonce == 0
        if kind == "activate":
            wait = min(30_000 << account.jailings - 1, HOUR) if account.jailings else 0
            assert account.standing in (INACTIVE, JAILED) and account.stake >= STAKE_MIN
            assert any(hash_ == ask and time >= account.last_present for _, hash_, time in self.recent)
            assert not account.jailings or now >= account.last_jailed + wait
            account.standing, account.missing, account.last_present = ACTIVE, 0, now
            account.settle(now)
        elif kind == "announce":
            assert account.is_candidate() and ask > account.announced and ask > self.version
            account.announced = ask
        elif kind == "claim":  # CLAIM-1 to CLAIM-7
            recent, work = ask
            since, room = self.grants
            if now - since >= DAY:
                since, room = now, self.day_of(total_of(self.set))
            assert not account.claimed and self.treasury >= GRANT and room >= GRANT and not self.granted
            assert any(hash_ == recent and height + 1_024 >= self.height for height, hash_, _ in self.recent)
            assert work_of(sender, recent, work) <= (2**64 - 1) // (GRANT * TREASURY // self.treasury)
            account.claimed, account.balance = True, account.balance + GRANT
            self.treasury, self.grants, self.granted = self.treasury - GRANT, (since, room - GRANT), True
        return 0

    def ramp(self, block_set):  # VAL-6
        waiting = sorted((a.waiting_since, address) for address, a in self.accounts.items() if a.waiting_since)
        for _, address in waiting:
            account = self.at(address)
            wanted = account.stake - account.power
            if len(self.candidates()) < VALIDATORS_MIN:
                given = wanted
            else:
                if self.time - self.churn[0] >= CHURN:
                    self.churn = self.time, max(STAKE_MIN, total_of(block_set) // 8)
                if not self.churn[1]:
                    break
                given = min(wanted, self.churn[1])
                self.churn = self.churn[0], self.churn[1] - given
            account.power += given
            if account.power == account.stake:
                account.waiting_since = 0

    def move_system(self, next_set):
        (since, largest, before), total = self.peak, total_of(next_set)
        is_over = self.time - since >= HOUR
        self.peak = (self.time, total, largest) if is_over else (since, max(largest, total), before)
        parent = self.height - 1
        if parent and parent % 64 == 0:
            self.recent = (self.recent + [(parent, self.hash, self.parent_time)])[-128:]
        if self.time - self.marks[-1][1] >= EVIDENCE // 32:
            self.marks.append((self.height, self.time))
        while len(self.marks) > 1 and self.time - self.marks[1][1] >= EVIDENCE:
            self.marks.pop(0)
        if self.next_begins == self.height + 1:
            self.version, self.next_begins = self.version + 1, None
        elif self.next_begins is None and self.height % 64 == 0:
            ready = sum(power for address, power in next_set if self.at(address).announced > self.version)
            if 6 * ready > 5 * total:
                self.next_begins = self.height + 64


def work_of(account, recent, work, chain=CHAIN):  # CLAIM-3
    return int.from_bytes(H("blockchat/claim/v1", chain, account, recent, u64be(work))[:8], "big")


def works():
    """Lines of work.txt: what is hashed, and x; then grant, treasury at first and what is left, tries, and the largest x."""
    lines = []
    for i, work in enumerate((0, 1, 2**32, 2**64 - 1, 0x0123456789abcdef)):
        chain, account, recent = (bytes([16 * i + part]) * 32 for part in range(3))
        x = work_of(account, recent, work, chain)
        lines.append(f"work {chain.hex()} {account.hex()} {recent.hex()} {work} {x}")
    most = 2**62 - 1
    for grant, first, left in ((10**7, 10**9, 10**9), (10**7, 10**9, 99 * 10**7), (10**7, 10**9, 10**7), (1, 1, 1),
                               (4_000, 14_000, 6_000), (most, most, most), (most, most, 1)):
        tries = min(grant * first // left, 2**64 - 1)
        lines.append(f"tries {grant} {first} {left} {tries} {(2**64 - 1) // tries}")
    return lines

# --- What happens ----------------------------------------------------------------------------------------------------

def asked(ledger, height):
    """Who asks for what in the block of this height."""
    address = lambda name: PEOPLE[name].address
    recent = ledger.recent[-1][1]
    price = GRANT * TREASURY // max(ledger.treasury, 1)

    def claim(name, named=recent):
        return next(work for work in range(10**7) if work_of(address(name), named, work) <= (2**64 - 1) // price)

    plan = {
        3: [("F", ("stake", 9 * BCC))], 4: [("F", ("activate", recent))],
        7: [("A", ("send", (address("B"), 1_500_000, "Grüße 🌙"))), ("A", ("send", (address("A"), 1, None)))],
        10: [("C", ("stake", 19 * BCC))], 12: [("C", ("stake", 26 * BCC))], 30: [("E", ("stake", 0))],
        40: [("E", ("stake", 8 * BCC))], 66: [("E", ("activate", recent))],
        100: [("A", ("announce", 2))], 110: [("D", ("stake", 8 * BCC))], 111: [("D", ("stake", 12 * BCC))],
        125: [("C", ("announce", 7))], 126: [("B", ("announce", 2))], 130: [("A", ("stake", 45 * BCC))],
        132: [("B", ("stake", 27 * BCC))], 150: [("F", ("announce", 2))], 176: [("D", ("activate", recent))],
        191: [("D", ("announce", 2))], 230: [("F", ("stake", 5 * BCC))],
    }
    asks = plan.get(height, [])
    if height == 50:
        asks = [("G", ("claim", (recent, claim("G"))))]
    if height == 55:  # The claim of one without coins, and what it buys, in one block.
        asks = [("H", ("claim", (recent, claim("H")))), ("H", ("send", (address("G"), 500, None)))]
    if height == 245:  # A day later.
        named = ledger.recent[1][1]
        asks = [("I", ("claim", (named, claim("I", named))))]
    return asks


def body_of(kind, ask):
    number = ["send", "stake", "activate", "claim", "announce"].index(kind)
    if kind == "send":
        to, amount, text = ask
        return {number: struct(to, amount, {"Plain": text} if text else 0)}
    return {number: struct(*ask) if kind == "claim" else struct(ask)}


def lies(ledger, height):
    """Evidence in the block of this height: its canonical form, and whom it accuses of what."""
    other = bytes([9]) * 32
    if height == 232:
        key = PEOPLE["F"]
        votes = [struct(0, 230, 0, value, key.address) for value in (None, other)]
        return [({0: struct(*[struct(vote, sign("vote", key, vote)) for vote in votes])}, (key.address, 230))]
    if height == 240:
        key = PEOPLE["E"]
        told = [struct(239, 1, block, None, key.address) for block in (other, bytes([10]) * 32)]
        return [({1: struct(*[struct(one, sign("proposal", key, one)) for one in told])}, (key.address, 239))]
    return []


def is_absent(name, height):
    """Does nobody hear in time that this member decides this height?"""
    return name == "D" and height < 100 or name == "F" and height % 9 == 4


def precommits(members, height, round_, block, absent):
    signers = [address for address, _ in members if not absent(NAMES[address])]
    vote = lambda address: struct(1, height, round_, block, address)
    return [struct(address, sign("vote", PEOPLE[NAMES[address]], vote(address))) for address in signers]


def make():
    ledger, lines, events = Ledger(), [f"genesis {enc(GENESIS).hex()}"], []
    commit = before = None
    ledger.parent_time, ledger.decided_before = START, ledger.set
    for height in range(1, 256):
        round_ = {20: 1, 77: 3, 160: 7}.get(height, 0)
        time = ledger.time + 401 + height * 37 % 100 + (DAY if height == 245 else 0)
        leader = leader_of(ledger.set, ledger.hash, height, round_)
        asks, nonces, signed, plain = asked(ledger, height), {}, [], []
        for name, (kind, ask) in asks:
            key = PEOPLE[name]
            free = kind in ("activate", "claim", "announce")
            nonce = 0 if free else nonces.setdefault(name, ledger.at(key.address).nonce)
            nonces[name] = nonces.get(name, 0) + (not free)
            transaction = struct(CHAIN, key.address, nonce, height + 5 if height % 2 else None, body_of(kind, ask))
            signed.append(struct(transaction, sign("transaction", key, transaction)))
            plain.append((key.address, nonce, (kind, ask)))
        evidence, late = lies(ledger, height), None
        if before and is_absent("F", height - 2) and PEOPLE["F"].address in dict(before[3]):
            found = ledger.at(PEOPLE["F"].address)
            if found.standing == ACTIVE and found.newest == height - 1 and found.missing & 1:
                late = struct(before[1], before[2], precommits(before[3], height - 2, before[1], before[2], lambda n: n != "F"))
        old, parent, parent_set, version = snapshot(ledger), ledger.hash, ledger.set, ledger.version
        ledger.decided_parent = ledger.decided
        present = {part[0] for part in commit[3]} if commit else set()
        late_signers = [part[0] for part in late[2]] if late else []
        ledger.execute(time, leader, [about for _, about in evidence], present, late_signers, plain)
        items = [] if not commit else [item([commit[0], commit[1], commit[2]])] + [item(part) for part in commit[3]]
        items += [item([late[0], late[1]])] + [item(part) for part in late[2]] if late else []
        ids = [H("blockchat/transaction-id/v1", enc(one)) for one in signed]
        header = struct(version, CHAIN, height, round_, parent, leader, time, root("transactions", ids),
                        root("evidence", [item(one) for one, _ in evidence]), root("commit", items), ledger.root(),
                        set_hash(parent_set), set_hash(ledger.set))
        block_hash = H("blockchat/block/v1", enc(header))
        certificate_of = lambda round_: struct(height, round_, block_hash, precommits(
            parent_set, height, round_, block_hash, lambda name: is_absent(name, height)))
        decided_in = round_ + (height % 11 == 0)
        certificate = certificate_of(decided_in)
        lines.append(f"block {enc(struct(header, signed, [one for one, _ in evidence], commit, late)).hex()} {enc(certificate).hex()}")
        before = (height, commit[1], parent, ledger.decided_before) if commit else None
        ledger.decided_before, ledger.hash, ledger.parent_time = parent_set, block_hash, time
        commit = certificate
        tell(events, height, old, snapshot(ledger), late)
    return lines, events, ledger

# --- What is told of it ----------------------------------------------------------------------------------------------

STANDINGS = ["inactive", "active", "jailed", "barred"]


def snapshot(ledger):
    told = {}
    for address, one in ledger.accounts.items():
        name = NAMES[address]
        told[name, "stake"], told[name, "power"], told[name, "claimed"] = one.stake, one.power, one.claimed
        told[name, "standing"], told[name, "jailings"] = STANDINGS[one.standing], one.jailings
        told[name, "waiting_since"], told[name, "announced"] = one.waiting_since, one.announced
    told["", "treasury"], told["", "burned"], told["", "room"] = ledger.treasury, ledger.burned, ledger.churn[1]
    told["", "room for grants"], told["", "recent hashes"] = ledger.grants[1], len(ledger.recent)
    told["", "version"], told["", "next_begins"] = ledger.version, ledger.next_begins
    told["", "set"] = " ".join(NAMES[address] for address, _ in ledger.set)
    return told


def tell(events, height, old, new, late):
    if late:
        events.append(f"{height} F was late, not missing")
    for (name, what), value in new.items():
        was = old.get((name, what), "inactive" if what == "standing" else False if what == "claimed" else 0)
        if was != value:
            events.append(" ".join(part for part in (str(height), name, what, f"{was} -> {value}") if part))


if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    lines, events, ledger = make()
    for name, content in (("chain.txt", lines), ("chain-events.txt", events), ("work.txt", works())):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("\n".join(content) + "\n")
    print("tip", ledger.hash.hex())
    print("state root", ledger.root().hex())
