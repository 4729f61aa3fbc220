#!/usr/bin/env python3
"""Verifies what an Optbook hands out of its ledger, without Optbook and without its database.

    python verify.py [--key PUBLIC_KEY]... [--anchors FILE] FILE...

A FILE is a proof (`GET …/consent-events/{id}/proof/`), a receipt with a proof in it, or a whole
ledger (`manage.py export_ledger`). Needs Python 3.11 or newer and the package `cryptography`.

PUBLIC_KEY: 64 hexadecimal digits, which `manage.py seal_ledger --key` prints. Have them told by
somebody you trust, not by the file: without --key it is only shown which key the file itself
names, and anybody can make a file that fits a key of their own. --anchors: a file of seals that
was kept outside; a ledger that lacks one of them was cut off, one with another was made anew.

Ends with 0 when every file is genuine, with 1 when one is not. What it checks, and what it cannot
show, is told in evidence.md.
"""

import argparse
import hashlib
import json
import re
import sys
import uuid
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotGenuine(Exception):
    """Says why."""


def need(condition, why):
    if not condition:
        raise NotGenuine(why)


# --- JSON: read in one way only


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def parse(text):
    def pairs(found):
        need(len(dict(found)) == len(found), "a name stands there twice")
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        raise NotGenuine("this is not JSON") from None


def fields(document, names, what):
    need(isinstance(document, dict), f"{what} is no object")
    need(document.keys() == set(names), f"{what} has not exactly the fields {', '.join(names)}")
    return [document[name] for name in names]


def whole(number):
    need(type(number) is int and -(2**63) <= number < 2**63, f"{number!r} is no number of 64 bits")
    return number


def unhex(text, size=None):
    is_hex = isinstance(text, str) and re.fullmatch("([0-9a-f]{2})*", text)
    need(is_hex and size in (None, len(text) // 2), f"{text!r} is not in hexadecimal as it should")
    return bytes.fromhex(text)


# --- lines: as PostgreSQL writes a row in COPY's binary format

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def number_bytes(value):
    return whole(value).to_bytes(8, "big", signed=True)


def uuid_bytes(value):
    try:
        need(str(uuid.UUID(value)) == value, f"{value!r} is not written like a UUID")
    except (ValueError, AttributeError, TypeError):
        raise NotGenuine(f"{value!r} is no UUID") from None
    return uuid.UUID(value).bytes


def text_bytes(value):
    need(isinstance(value, str), f"{value!r} is no text")
    return value.encode(errors="surrogatepass")


def time_bytes(value):
    need(isinstance(value, str) and TIME.fullmatch(value), f"{value!r} is no time")
    try:
        time = datetime.strptime(value[:-1], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    except ValueError:
        raise NotGenuine(f"{value!r} is no time") from None
    return number_bytes((time - EPOCH) // timedelta(microseconds=1))


def flag_bytes(value):
    need(isinstance(value, bool), f"{value!r} is neither true nor false")
    return bytes([value])


COLUMNS = {
    "seq": number_bytes,
    "id": uuid_bytes,
    "sender_id": uuid_bytes,
    "identity_id": uuid_bytes,
    "action": text_bytes,
    "purpose_id": uuid_bytes,
    "source": text_bytes,
    "origin": text_bytes,
    "actor": text_bytes,
    "lifts": text_bytes,
    "occurred_at": time_bytes,
    "recorded_at": time_bytes,
    "effective": flag_bytes,
    "outcome": text_bytes,
    "cause_id": uuid_bytes,
    "address_commitment": unhex,
    "detail_commitment": unhex,
}


def line_bytes(line):
    values = fields(line, COLUMNS, "a line")
    found = len(COLUMNS).to_bytes(2, "big")
    for name, value in zip(COLUMNS, values, strict=True):
        if value is None and name == "cause_id":
            found += (-1).to_bytes(4, "big", signed=True)
        else:
            data = COLUMNS[name](value)
            found += len(data).to_bytes(4, "big") + data
    return found


# --- the tree of RFC 9162, section 2.1


def leaf(line):
    return hashlib.sha256(b"\0" + line_bytes(line)).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Takes leaves one after another; holds one node for each power of two among them."""

    def __init__(self):
        self.size, self.nodes = 0, []

    def add(self, hashed):
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            hashed = node(self.nodes.pop(), hashed)
            rest //= 2
        self.nodes.append(hashed)

    def root(self):
        *left, hashed = self.nodes
        for one in reversed(left):
            hashed = node(one, hashed)
        return hashed


def climbed(hashed, index, size, path):
    """The root that a leaf leads to (RFC 9162, section 2.1.3.2)."""
    need(0 <= index < size, "the proof is of a line that the seal does not have")
    last = size - 1
    for sibling in path:
        need(last > 0, "the path is too long")
        if index % 2 or index == last:
            hashed = node(sibling, hashed)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            hashed = node(hashed, sibling)
        index, last = index // 2, last // 2
    need(last == 0, "the path is too short")
    return hashed


# --- seals

STATEMENT = (
    *("after", "count", "format", "key", "number", "previous", "purposes", "root", "sealed_at"),
    *("type", "upto"),
)


class Seal:
    """One seal, its signature checked."""

    def __init__(self, document, trusted):
        statement, signature, public = fields(
            document, ("statement", "signature", "public_key"), "a seal"
        )
        fields(statement, STATEMENT, "the statement of a seal")
        need(statement["type"] == "optbook.seal", "this is no statement of a seal")
        need(whole(statement["format"]) == 1, "the seal is of a format unknown here")
        self.number, self.count = whole(statement["number"]), whole(statement["count"])
        self.after, self.upto = whole(statement["after"]), whole(statement["upto"])
        self.root, self.previous = unhex(statement["root"], 32), unhex(statement["previous"], 32)
        self.purposes = unhex(statement["purposes"], 32)
        self.sealed_at = statement["sealed_at"]
        time_bytes(self.sealed_at)
        self.key, signed = unhex(public, 32), canonical(statement)
        self._check_key(statement["key"], trusted)
        self._check_signature(unhex(signature, 64), signed)
        self.digest = hashlib.sha256(signed + unhex(signature)).digest()

    def check_purposes(self, meanings):
        fits = hashlib.sha256(canonical(meanings)).digest() == self.purposes
        need(fits, f"what purposes meant when seal {self.number} was made was changed")

    def _check_key(self, name, trusted):
        is_named = name == hashlib.sha256(self.key).hexdigest()[:16]
        need(is_named, f"seal {self.number} names another key than comes with it")
        need(not trusted or self.key in trusted, f"seal {self.number} is signed by a foreign key")

    def _check_signature(self, signature, signed):
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, signed)
        except (InvalidSignature, ValueError):
            raise NotGenuine(f"seal {self.number} is not what its key signed") from None


# --- the documents

NOTICE = ("key", "version", "language", "sha256", "text")


def verify_proof(proof, trusted):
    names = ("type", "line", "index", "path", "seal", "purposes", "detail", "address")
    proof = dict(proof)
    notice = proof.pop("notice", None)
    _, line, index, path, seal, purposes, detail, address = fields(proof, names, "a proof")
    seal = Seal(seal, trusted)
    seal.check_purposes(purposes)
    need(isinstance(path, list), "the path is no list")
    root = climbed(leaf(line), whole(index), seal.count, [unhex(one, 32) for one in path])
    need(root == seal.root, "the line is not one of those sealed, or was changed")
    need(seal.after < line["seq"] <= seal.upto, "the line is not of the seal's range")
    if detail is not None:
        salt, shown = fields(detail, ("salt", "detail"), "the evidence")
        committed = hashlib.sha256(b"detail\0" + unhex(salt) + canonical(shown)).hexdigest()
        need(committed == line["detail_commitment"], "the evidence is not what was recorded")
    named = evidence_of(detail).get("notice")
    if address is not None:
        salt, channel, shown = fields(address, ("salt", "channel", "address"), "the address")
        opened = b"address\0" + unhex(salt) + text_bytes(channel) + b"\0" + text_bytes(shown)
        committed = hashlib.sha256(opened).hexdigest()
        need(committed == line["address_commitment"], "the address is not the one recorded")
    keys = {one["id"]: one["key"] for one in purposes}
    purpose = keys.get(line["purpose_id"], "a purpose unknown then")
    told = f"line {line['seq']}, {line['action']} to {purpose} of {line['occurred_at']}"
    told = f"{told}, in seal {seal.number} of {seal.sealed_at}{shown_text(notice, named)}"
    return told, {seal.number: seal}


def evidence_of(detail):
    evidence = detail["detail"]["evidence"] if detail is not None else {}
    need(isinstance(evidence, dict), "the evidence is no object")
    return evidence


def shown_text(notice, named):
    """What the person was shown, in words, when it is what the evidence names."""
    if notice is None:
        is_named = isinstance(named, dict) and "sha256" in named
        return "\n  the text of the notice that it names is not with it" if is_named else ""
    text = notice_text(notice)
    is_named = named == {name: notice[name] for name in notice if name != "text"}
    need(is_named, "the notice that comes with it is not the one that the evidence names")
    lines = "".join(f"\n  | {visible(one)}" for one in text.splitlines())
    return f"\n  shown was {' '.join(visible(notice[name]) for name in NOTICE[:3])}:{lines}"


def notice_text(notice):
    *_, digest, text = fields(notice, NOTICE, "a notice")
    for name in NOTICE:
        text_bytes(notice[name])
    fits = hashlib.sha256(text_bytes(text)).hexdigest() == digest
    need(fits, f"the text of the notice {notice['key']} is not the one that was shown")
    return text


def visible(text):
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def verify_ledger(rows, trusted):
    seals, lines, notices = {}, 0, set()
    last, tree, at = None, None, 0
    purposes, is_new = None, False
    for text in rows:
        document = parse(text)
        need(canonical(document) == text, "a line of the file is not written as it should be")
        if "purposes" in document:
            need(document["purposes"] != purposes, "what purposes mean stands there twice")
            (purposes,), is_new = fields(document, ("purposes",), "what purposes mean"), True
        elif "notice" in document:
            need(last is None and not is_new, "a notice stands behind what is sealed")
            notice, sender = fields(document, ("notice", "sender_id"), "a notice")
            notice_text(notice)
            name = (uuid_bytes(sender), *(notice[one] for one in NOTICE[:3]))
            need(name not in notices, f"the notice {notice['key']} stands there twice")
            notices.add(name)
        elif "statement" in document:
            finish(last, tree)
            is_new = False
            last, tree = followed(last, Seal(document, trusted)), Tree()
            last.check_purposes(purposes)
            seals[last.number], at = last, last.after
            # Nothing stands before the first line.
            at = at if last.number > 1 else -(2**63) - 1
        else:
            need(last is not None and not is_new, "a line stands before its seal")
            tree.add(leaf(document))
            need(at < document["seq"] <= last.upto, f"line {document['seq']} is out of its place")
            lines, at = lines + 1, document["seq"]
    finish(last, tree)
    need(last is not None and not is_new, "it ends before a seal")
    told = f"{counted(lines, 'line')} in {counted(len(seals), 'seal')}"
    told += f", {counted(len(notices), 'notice')}" if notices else ""
    return f"{told}, the last of {last.sealed_at} up to line {last.upto}", seals


def counted(count, thing):
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def followed(last, seal):
    number, upto, digest = (last.number, last.upto, last.digest) if last else (0, 0, bytes(32))
    follows = (seal.number, seal.after, seal.previous) == (number + 1, upto, digest)
    need(follows, f"seal {seal.number} does not follow the one before it")
    return seal


def finish(seal, tree):
    if seal is not None:
        need(tree.size == seal.count, f"seal {seal.number} is over more or fewer lines")
        need(tree.root() == seal.root, f"the lines of seal {seal.number} are not those sealed")


def compare(seals, anchors, is_whole):
    """Holds the seals against those kept outside."""
    with open(anchors, "rb") as file:
        for text in file:
            try:
                kept = Seal(parse(text), ())
            except NotGenuine:
                continue  # a line that was left half written
            if kept.number in seals:
                same = seals[kept.number].digest == kept.digest
                need(same, f"seal {kept.number} is another than was kept outside")
            elif is_whole:
                raise NotGenuine(f"seal {kept.number} was kept outside and is missing here")


def verify(path, trusted, anchors):
    """What the file is, and the keys that signed it. Raises NotGenuine."""
    with open(path, "rb") as file:
        first = file.readline()
        if first.rstrip() == canonical({"format": 1, "type": "optbook.ledger"}):
            is_whole = True
            told, seals = verify_ledger((row.rstrip(b"\n") for row in file), trusted)
        else:
            is_whole = False
            document = parse(first + file.read())
            need(isinstance(document, dict), "this is no document of Optbook")
            proof = document.get("proof", document)
            need(isinstance(proof, dict), "there is no proof in it")
            need(proof.get("type") == "optbook.proof", "this is no document of Optbook")
            told, seals = verify_proof(proof, trusted)
    if anchors:
        compare(seals, anchors, is_whole)
    return told, {seal.key for seal in seals.values()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--key", action="append", default=[], type=bytes.fromhex)
    parser.add_argument("--anchors", metavar="FILE")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")
    is_good = True
    for path in options.files:
        try:
            told, keys = verify(path, options.key, options.anchors)
            print(f"{path}: GENUINE: {told}")
            for key in sorted(keys if not options.key else ()):
                print(f"  by its own key {key.hex()}: ask somebody you trust whose that is")
        except (NotGenuine, OSError) as error:
            is_good = False
            print(f"{path}: NOT GENUINE: {error}")
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            is_good = False
            print(f"{path}: NOT GENUINE: it is not made as such a document is")
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
