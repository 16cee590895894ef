// Verifies Reelect light proofs without a network. Written from docs/protocol.md alone; § is a section of it.
//
//   node verify.mjs PROOF… (--genesis FILE | --checkpoint HEIGHT:ID) [--trust-old-anchor]
//
// prints for each PROOF one line of JSON: what it proves, or the check that rejects it (as §16 names them).
// Exit codes: 0 all are proved, 1 one is rejected, 2 usage.

import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Tagged, encode } from "cborg";
import { constantsRow, decoded, genesisFile, hash, hex, lightProof, must, progressRow, same } from "./records.mjs";

const [LEAF, NODE, ZERO] = [Buffer.of(0), Buffer.of(1), Buffer.alloc(32)];
const ascending = (items) => items.every((item, i) => i === 0 || Buffer.compare(items[i - 1], item) < 0);

// §3: what other libraries accept and this protocol does not is refused before Node's own check.

const [P, L] = [2n ** 255n - 19n, 2n ** 252n + 27742317777372353535851937790883648493n];
const number = (littleEndian) => BigInt("0x" + hex(Buffer.from(littleEndian).reverse()));
const y = (point) => number(point) & (2n ** 255n - 1n);
const ORDER_8 = [
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map((point) => y(Buffer.from(point, "hex")));
const isAcceptable = (point) => y(point) < P && ![0n, 1n, P - 1n, ...ORDER_8].includes(y(point));

export function isSigned(key, message, signature) {
  const [R, S] = [signature.subarray(0, 32), signature.subarray(32)];
  if (key.length !== 32 || S.length !== 32 || number(S) >= L || ![key, R].every(isAcceptable)) return false;
  const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(key).toString("base64url") };
  return verify(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
}

// §5 and §13: sets and certificates.

export function setHash(set) {
  const keys = new Set(set.map(({ key }) => hex(key)));
  must(keys.size === set.length && ascending(set.map(({ producer }) => producer)));
  return hash(encode(set.map(({ producer, key }) => [producer, key])));
}

export function verifyCertificate(set, chain, block, certificate) {
  const [n, start] = [set.length, Math.ceil(set.length / 8)];
  const signers = set.filter((_, i) => (certificate[i >> 3] >> (i % 8)) & 1);
  must(certificate.length === start + 64 * signers.length);
  must(n % 8 === 0 || certificate[start - 1] >> (n % 8) === 0);
  must(signers.length >= n - Math.floor((n - 1) / 3));
  const message = encode(["vote", 1, chain, new Tagged(42, Buffer.concat([LEAF, block]))]);
  const signature = (i) => certificate.subarray(start + 64 * i, start + 64 * (i + 1));
  must(signers.every(({ key }, i) => isSigned(key, message, signature(i))));
}

// §6: lists.

const take = (queue) => must(queue.length > 0, queue.shift());

function verifyInList(root, item, { sides, hashes }) {
  const isLeft = (i) => Math.floor(sides / 2 ** i) % 2 === 1;
  const fold = (r, p, i) => (isLeft(i) ? hash(NODE, p, r) : hash(NODE, r, p));
  must(sides < 2 ** hashes.length && same(hashes.reduce(fold, hash(LEAF, item)), root));
}

export function verifyAtPlace(root, item, index, size, hashes) {
  must(index < size);
  const [unused, half] = [[...hashes], (count) => Math.floor(count / 2)];
  let r = hash(LEAF, item);
  for (let [fn, sn] = [index, size - 1]; sn !== 0; [fn, sn] = [half(fn), half(sn)]) {
    if (fn % 2 === 1) r = hash(NODE, take(unused), r);
    else if (fn < sn) r = hash(NODE, r, take(unused));
  }
  must(unused.length === 0 && same(r, root));
}

// §7: rows of the state, each a key with its value, or null if there is none.

export function verifyRows(root, rows, { shape, siblings, others }) {
  const [hashes, leaves, bit] = [[...siblings], [...others], (bytes, i) => (bytes[i >> 3] >> (7 - (i % 8))) & 1];
  let bits = 0;
  const takeBit = () => must(bits < 8 * shape.length, bit(shape, bits++));
  function walk(depth, asked) {
    const goesOn = takeBit();
    if (asked.length === 0) return goesOn ? take(hashes) : ZERO;
    if (!goesOn) return end(depth, asked);
    must(depth < 256);
    const left = walk(depth + 1, asked.filter(({ path }) => !bit(path, depth)));
    return hash(NODE, left, walk(depth + 1, asked.filter(({ path }) => bit(path, depth))));
  }
  function end(depth, asked) {
    const present = asked.filter(({ value }) => value !== null);
    must(present.length < 2);
    if (present.length === 1) return hash(LEAF, present[0].path, hash(present[0].value));
    if (!takeBit()) return ZERO;
    const { path, value_hash } = take(leaves);
    must(!asked.some((row) => same(row.path, path)));
    for (let i = 0; i < depth; i++) must(bit(path, i) === bit(asked[0].path, i));
    return hash(LEAF, path, value_hash);
  }
  must(rows.length <= 64 && !siblings.some((sibling) => same(sibling, ZERO)));
  must(same(walk(0, rows.map(({ key, value }) => ({ path: hash(key), value }))), root));
  must(hashes.length === 0 && leaves.length === 0 && shape.length === Math.ceil(bits / 8));
  while (bits < 8 * shape.length) must(takeBit() === 0);
}

// §16: beginning with what is trusted: the bytes of a genesis file, or a checkpoint HEIGHT:ID.

const CONSTANTS = encode(["chain.constants"]);

function begin(chain, { id, height, slot, dynasty, set_hash }, set, constants) {
  must(same(set_hash, setHash(set)));
  const { genesis_time_ms, slot_ms, unbonding_s } = decoded(constantsRow, constants);
  const expires_ms = genesis_time_ms + slot * slot_ms + 1000 * unbonding_s;
  return { chain, height, id, dynasty, set, expires_ms };
}

function fromGenesis(file) {
  const { header: h, members, rows } = decoded(genesisFile, file);
  must(h.chain === null && h.parent === null && h.height === 0 && h.dynasty === 0);
  const row = rows.find(({ key }) => same(key, CONSTANTS));
  return begin(h.binary.subarray(4), { ...h, slot: 0 }, members, row?.value);
}

function fromCheckpoint(checkpoint, { header: h, members, genesis, constants, proof }) {
  const [g, chain] = [genesis ?? h, (genesis ?? h).binary.subarray(4)];
  must(checkpoint === `${h.height}:${h.id}` && g.chain === null && g.parent === null && g.height === 0);
  must(genesis === null || same(h.chain, chain));
  verifyRows(g.state_root, [{ key: CONSTANTS, value: constants }], proof);
  return begin(chain, h, members, constants);
}

// §16: following.

function verifyVotes({ chain, dynasty, set }, h, certificate) {
  must(same(h.chain, chain) && h.dynasty === dynasty && same(h.set_hash, setHash(set)));
  verifyCertificate(set, chain, h.binary, certificate);
}

function follow(state, { limbo, certificate, members }) {
  verifyVotes(state, limbo, certificate);
  must(limbo.handover !== null && limbo.final_if_qc === limbo.handover);
  must(!same(limbo.next_set_hash, ZERO) && same(limbo.next_set_hash, setHash(members)));
  return { ...state, dynasty: state.dynasty + 1, set: members };
}

function verifyFinal({ height, id }, { target, final }) {
  must(target.final_if_qc === final.id && final.height >= height && (final.height > height || final.id === id));
}

function verifyBlock({ header: b, hashes }, { final, rows }) {
  if (b.id === final.id) return must(hashes.length === 0);
  const row = rows.find(({ key }) => same(key, encode(["chain.progress"])));
  const { blocks, peaks } = decoded(progressRow, row?.value).history;
  const root = peaks.length ? peaks.reduceRight((right, left) => hash(NODE, left, right)) : hash();
  return verifyAtPlace(root, b.binary, b.height, blocks, hashes);
}

// §16: a proof in a file.

function opened(file) {
  must(file.length <= 68224216 && same(hash(file.subarray(0, -32)), file.subarray(-32)));
  return decoded(lightProof, file.subarray(0, -32));
}

// What a file proves, or the check that rejects it; `now_ms` is null if the anchor's age does not matter.
export function verifyFile(file, { genesis, checkpoint }, now_ms) {
  let name = "encoding";
  const check = (next, work) => ((name = next), work());
  try {
    const { anchor, answer } = opened(file);
    const { steps, target, final, rows, block, items } = answer;
    check("anchor", () => must((anchor === null) === !checkpoint));
    let state = anchor ? fromCheckpoint(checkpoint, anchor) : fromGenesis(genesis);
    check("age", () => must(now_ms === null || now_ms <= state.expires_ms));
    steps.forEach((step, i) => check(`dynasty step ${i}`, () => (state = follow(state, step))));
    check("certificate", () => verifyVotes(state, target, answer.certificate));
    check("final header", () => verifyFinal(state, answer));
    check("rows", () => must(ascending(rows.map(({ key }) => key))));
    check("state proof", () => verifyRows(final.state_root, rows, answer.proof));
    check("block", () => block && verifyBlock(block, answer));
    items.forEach(({ list, item, proof }, i) =>
      check(`items[${i}]`, () => verifyInList(must(block, block).header[`${list}_root`], item, proof)));
    return facts(state, answer);
  } catch (error) {
    return { rejected: name, because: error.message };
  }
}

function facts({ chain, dynasty, set }, { final: { height, id }, rows, block, items }) {
  const { tag, version, binary, ...header } = block?.header ?? {};
  const found = { rows, block: block && header, items: items.map(({ list, item }) => ({ list, item })) };
  return { chain: hex(chain), final: { height, id }, dynasty, members: set, ...found };
}

export const line = (answer) => JSON.stringify(answer, (_, v) => (v instanceof Uint8Array ? hex(v) : v));

// The command line.

function main() {
  const text = { type: "string" };
  const options = { genesis: text, checkpoint: text, "trust-old-anchor": { type: "boolean" } };
  const { values: { genesis, checkpoint, ...flags }, positionals } = parseArgs({ options, allowPositionals: true });
  if (!positionals.length || !genesis === !checkpoint) throw new Error("a PROOF and one trusted block are needed");
  const trusted = { genesis: genesis && readFileSync(genesis), checkpoint };
  const now_ms = flags["trust-old-anchor"] ? null : Date.now();
  const answers = positionals.map((path) => verifyFile(readFileSync(path), trusted, now_ms));
  for (const answer of answers) console.log(line(answer));
  return answers.some(({ rejected }) => rejected) ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main();
  } catch (error) {
    console.error(`${error.message}\nUsage: node verify.mjs PROOF… (--genesis FILE | --checkpoint HEIGHT:ID)`);
    process.exitCode = 2;
  }
}
