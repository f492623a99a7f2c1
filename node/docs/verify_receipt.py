#!/usr/bin/env python3
"""Verifies the receipt of a payment with the genesis hash alone: no node, no network, no package.

    blockchat-node receipt ID > receipt.json        # anybody, on any node
    python3 verify_receipt.py receipt.json GENESIS_HASH

Written from proto/SPEC.md alone: CODEC-1 (bytes), HASH-1 to HASH-3, SIG-1 (ZIP 215), VOTE-4 (certificates), RCPT-2 (the
order of the checks). It prints what is proved, or the first part that does not hold, and exits with 1.
"""
import hashlib, json, sys


class Refused(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Refused(what)


# --- CODEC-1: canonical bytes. A type is a function from JSON to bytes. ---------------------------------------------

def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    size = next(size for size in (1, 2, 4, 8) if n < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + n.to_bytes(size, "big")


def number(n):
    need(type(n) is int and 0 <= n < 1 << 64, "a number")
    return head(0, n)


def micros(amount):
    whole, _, decimals = amount.partition(".")
    return int(whole) * 1_000_000 + int(decimals.ljust(6, "0"))


def coins(amount):
    return head(0, micros(amount))


def data(raw):
    return head(2, len(raw)) + raw


def hexed(text):
    return data(bytes.fromhex(text))


def text(string):
    return head(3, len(string.encode())) + string.encode()


def key(address):
    """KEY-2: the 32 bytes of a bech32m address. Its checksum guards typing; here signatures guard more."""
    values = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c) for c in address[4:-6]]
    bits = "".join(f"{value:05b}" for value in values)
    return int(bits[:256], 2).to_bytes(32, "big")


def address(string):
    return data(key(string))


def maybe(kind):
    return lambda value: b"\xf6" if value is None else kind(value)


def each(kind):
    return lambda items: head(4, len(items)) + b"".join(map(kind, items))


def fields(**kinds):
    def encode(value):
        need(set(value) == set(kinds), f"the fields {sorted(kinds)}")
        return head(5, len(kinds)) + b"".join(head(0, i) + kind(value[name]) for i, (name, kind) in enumerate(kinds.items()))
    return encode


def with_name(encode, place):
    """A structure that may have one field more, `name` with the number `place`, and none in its place where it has not."""
    def named(value):
        plain = encode({field: content for field, content in value.items() if field != "name"})
        return head(5, place + 1) + plain[1:] + head(0, place) + text(value["name"]) if "name" in value else plain
    return named


def choice(**kinds):
    """None: no content. `fields`: numbered. `(kind,)`: one unnamed value, under its name."""
    def encode(value):
        name, content = (value, None) if isinstance(value, str) else next(iter(value.items()))
        kind, place = kinds[name], head(0, list(kinds).index(name))
        if kind is None:
            return place
        return head(5, 1) + (text(name) + kind[0](content) if isinstance(kind, tuple) else place + kind(content))
    return encode


HEADER = fields(version=number, chain=hexed, height=number, round=number, parent=hexed, leader=address, time=number,
                transactions_root=hexed, evidence_root=hexed, commit_root=hexed, state_root=hexed, validators_hash=hexed,
                next_validators_hash=hexed)
MEMBER = fields(address=address, stake=coins)
VOTE = fields(kind=choice(Prevote=None, Precommit=None), height=number, round=number, value=maybe(hexed), validator=address)
SEALED = fields(version=number, ephemeral=hexed, salt=hexed, ciphertext=lambda raw: data(bytes(raw)))
PAYLOAD = choice(**{"None": None, "Plain": (text,), "Sealed": (SEALED,)})
BODY = choice(Send=fields(to=address, amount=coins, payload=PAYLOAD), Stake=fields(amount=coins),
              Activate=fields(recent=hexed), Claim=fields(recent=hexed, work=number), Announce=fields(version=number))
TRANSACTION = fields(chain=hexed, sender=address, nonce=number, expiry=maybe(number), body=BODY)
SIGNED = fields(transaction=TRANSACTION, signature=hexed)
PARAMETERS = fields(capacity=number, block_interval_ms=number, idle_block_interval_ms=number, fee_basis_points=number,
                    fee_per_character=coins, fee_min=coins, stake_min=coins, stake_max=coins, validators_min=number,
                    unbonding_ms=number, evidence_window_ms=number, burn_basis_points=number, grant=coins,
                    grant_cap_basis_points=number, churn_ms=number, lottery=choice(block_hash=None))
GENESIS = fields(name=text, time=number, parameters=PARAMETERS, treasury=coins,
                 accounts=each(with_name(fields(address=address, balance=coins, stake=coins), 3)), version=number)


# --- HASH-1 to HASH-3 --------------------------------------------------------------------------------------------------

def sha256(raw):
    return hashlib.sha256(raw).digest()


def H(label, raw):
    return sha256(bytes([len(label)]) + label.encode() + raw)


def root_of_path(count, index, item, path):
    need(index < count, "path: its index is one of the list")
    node, place, last = sha256(b"\0" + item), index, count - 1
    for beside in map(bytes.fromhex, path):
        need(last > 0, "path: it is no longer than the tree")
        if place % 2 or place == last:
            node = sha256(b"\1" + beside + node)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            node = sha256(b"\1" + node + beside)
        place, last = place // 2, last // 2
    need(last == 0, "path: it is as long as the tree")
    return H("blockchat/root/transactions/v1", count.to_bytes(8, "big") + node).hex()


# --- SIG-1: ed25519 as ZIP 215 says ------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point(raw):
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, (number & (1 << 255) - 1) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        return None
    x = P - x if x % 2 != sign else x
    return x % P, y, 1, x * y % P


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    s, t, u, v = f - e, h - g, h + g, f + e
    return s * t % P, u * v % P, t * u % P, s * v % P


def times(n, a):
    sum_, bit = (0, 1, 1, 0), a
    while n:
        sum_ = add(sum_, bit) if n & 1 else sum_
        bit, n = add(bit, bit), n >> 1
    return sum_


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(signer, message, signature):
    a, r, s = point(signer), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or len(signature) != 64:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + signer + message).digest(), "little") % L
    minus = lambda q: (P - q[0], q[1], q[2], P - q[3])
    x, y, z, _ = times(8, add(times(s, BASE), minus(add(r, times(k, a)))))
    return x % P == 0 and (y - z) % P == 0


# --- RCPT-2 ------------------------------------------------------------------------------------------------------------

def members_hash(members):
    return H("blockchat/validators/v1", each(MEMBER)(members)).hex()


def follow(part, header, certificate, chain, height, members):
    """A later block that the set in hand decided. VOTE-4."""
    block = H("blockchat/block/v1", HEADER(header)).hex()
    need(header["chain"] == chain, f"{part}: its header is of this chain")
    need(header["height"] > height, f"{part}: its height is above {height}")
    need(header["validators_hash"] == members_hash(members), f"{part}: its header names the set in hand")
    need((certificate["height"], certificate["block"]) == (header["height"], block), f"{part}: its certificate is of it")
    power = {key(member["address"]): micros(member["stake"]) for member in members}
    signers = [key(one["validator"]) for one in certificate["signatures"]]
    need(signers == sorted(set(signers)) and set(signers) <= set(power), f"{part}: its signers are members, each once")
    voted, total = sum(power[signer] for signer in signers), sum(power.values())
    need(3 * voted > 2 * total, f"{part}: more than two thirds of the power signed")
    for signer, one in zip(signers, certificate["signatures"]):
        vote = VOTE({"kind": "Precommit", "height": header["height"], "round": certificate["round"], "value": block,
                     "validator": one["validator"]})
        message = H("blockchat/sign/vote/v1", bytes.fromhex(chain) + vote)
        need(signed(signer, message, bytes.fromhex(one["signature"])), f"{part}: the signature of {one['validator']} verifies")
    return header["height"]


def verify(receipt, genesis_hash):
    need(receipt["version"] == 1, "version: it is 1")
    genesis = receipt["origin"].get("genesis")
    need(genesis is not None, "origin: it is a genesis")
    chain = H("blockchat/genesis/v1", GENESIS(genesis)).hex()
    need(chain == genesis_hash, "origin: its hash is the trusted one")
    members = [{"address": one["address"], "stake": one["stake"]} for one in genesis["accounts"] if micros(one["stake"])]
    height = 0
    for index, change in enumerate(receipt["changes"]):
        height = follow(f"change {index}", change["header"], change["certificate"], chain, height, members)
        members = change["next"]
        need(members_hash(members) == change["header"]["next_validators_hash"], f"change {index}: its members are the set named")
    header, fact = receipt["header"], receipt["fact"]["transaction"]
    follow("block", header, receipt["certificate"], chain, height, members)
    transaction = fact["transaction"]
    id_ = H("blockchat/transaction-id/v1", SIGNED(transaction))
    root = root_of_path(fact["count"], fact["index"], id_, fact["path"])
    need(root == header["transactions_root"], "path: it leads to the root in the header")
    content = transaction["transaction"]
    need(content["chain"] == chain, "transaction: it is of this chain")
    message = H("blockchat/sign/transaction/v1", bytes.fromhex(chain) + TRANSACTION(content))
    need(signed(key(content["sender"]), message, bytes.fromhex(transaction["signature"])), "transaction: its signature verifies")
    return id_.hex(), header, content


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            id_, header, content = verify(json.load(file), sys.argv[2])
    except Refused as refused:
        sys.exit(f"not proved: this does not hold: {refused}")
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, StopIteration) as error:
        sys.exit(f"not proved: this is no receipt of version 1 ({type(error).__name__}: {error})")
    print(f"proved: transaction {id_}\n  is final in block {header['height']} of chain {header['chain']}")
    print(f"  from {content['sender']}, nonce {content['nonce']}: {json.dumps(content['body'], ensure_ascii=False)}")


if __name__ == "__main__":
    main()
