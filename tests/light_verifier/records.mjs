// What light proofs are made of: docs/protocol.md, sections 1 (encoding), 2 (CIDs) and 4 (records).

import { createHash } from "node:crypto";
import { Tagged, decode, encode } from "cborg";

export const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const same = (a, b) => a !== null && b !== null && Buffer.compare(a, b) === 0;

export function must(condition, value) {
  if (!condition) throw new Error("refused");
  return value;
}

// The value that bytes are the one encoding of, as its kind gives it.
export function decoded(kind, bytes) {
  const value = decode(bytes, { strict: true, allowIndefinite: false, tags: Tagged.preserve(42) });
  return must(same(encode(value), bytes), kind(value));
}

// A kind checks what was decoded and gives what a verifier works with: of an array of fields an object.
const any = (v) => v;
const bytes = (min, max = min) => (v) => must(v instanceof Uint8Array && v.length >= min && v.length <= max, v);
const uint = (max) => (v) => must(Number.isSafeInteger(v) && v >= 0 && v <= max, v);
const one = (...values) => (v) => must(values.includes(v), v);
const list = (kind, min, max) => (v) => must(Array.isArray(v) && v.length >= min && v.length <= max, v).map(kind);
const optional = (kind) => (v) => (v === null ? null : kind(v));
const record = (tag, version, kinds) => part({ tag: one(tag), version: one(version), ...kinds });
const part = (kinds) => (v) => {
  must(Array.isArray(v) && v.length === Object.keys(kinds).length);
  return Object.fromEntries(Object.entries(kinds).map(([name, kind], i) => [name, kind(v[i])]));
};

// A CID is its text here. 36 bytes are 57 letters of 5 bits, and a last one of 3 bits and two zeros.
function cidText(binary) {
  const bits = [...binary].map((byte) => byte.toString(2).padStart(8, "0")).join("") + "00";
  return "b" + bits.match(/.{5}/g).map((five) => "abcdefghijklmnopqrstuvwxyz234567"[parseInt(five, 2)]).join("");
}

function link(v) {
  must(v instanceof Tagged && /^0001(55|70|71)1220/.test(hex(bytes(37)(v.value))));
  return cidText(v.value.subarray(1));
}

const [digest, certificate, counter, slot] = [bytes(32), bytes(0, 1347), uint(2 ** 53 - 1), uint(2 ** 36)];
const [key, value] = [bytes(1, 1024), bytes(1, 65536)];
const members = list(part({ producer: digest, key: digest }), 4, 21);
const headerFields = record("header", 1, {
  chain: optional(digest), parent: optional(link), height: counter, slot, producer: optional(digest),
  reveal: optional(digest), dynasty: counter, set_hash: digest, next_set_hash: digest, handover: optional(link),
  base: optional(part({ id: link, slot })), qc_target: optional(part({ id: link, slot, dynasty: counter })),
  qc_hash: digest, final_if_qc: optional(link), state_root: digest, transactions_root: digest,
  receipts_root: digest, events_root: digest,
});
const header = (v) => {
  const binary = Buffer.concat([Buffer.from("01711220", "hex"), hash(encode(v))]);
  return { ...headerFields(v), binary, id: cidText(binary) };
};
export const stateProof = record("state-proof", 2, {
  shape: bytes(0, 4112), siblings: list(digest, 0, 16384),
  others: list(part({ path: digest, value_hash: digest }), 0, 64),
});
const inList = record("inclusion-proof", 2, { sides: uint(2 ** 32 - 1), hashes: list(digest, 0, 32) });
const listName = one("transactions", "receipts", "events");
const answer = record("light-answer", 2, {
  steps: list(record("dynasty-step", 1, { limbo: header, certificate, members }), 0, 16384),
  target: header, certificate, final: header,
  rows: list(part({ key, value: optional(bytes(0, 65536)) }), 0, 64), proof: stateProof,
  block: optional(part({ header, hashes: list(digest, 0, 53) })),
  items: list(part({ list: listName, item: bytes(0, 65536), proof: inList }), 0, 16),
});
const anchor = record("light-anchor", 1, {
  header, members, genesis: optional(header), constants: bytes(0, 1024), proof: stateProof,
});
export const lightProof = record("light-proof", 1, { anchor: optional(anchor), answer });
export const genesisFile = record("genesis", 1, { header, members, rows: list(part({ key, value }), 0, 100000) });


// Two rows of the state: docs/modules.md. What does not matter here is not checked.
export const constantsRow = record("chain.constants", 1, {
  network: any, genesis_time_ms: counter, slot_ms: counter, epoch_slots: any, max_unfinal_blocks: any,
  unbonding_s: counter, native_asset: any,
});
export const progressRow = record("chain.progress", 1, {
  beacon: any, epoch_beacon: any, final_height: any, handover_slot: any, handover_height: any,
  history: part({ blocks: counter, peaks: list(digest, 0, 53) }),
});
