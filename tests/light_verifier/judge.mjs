// Reads a JSON array of cases and prints the array of verdicts, for the tests: whether the rules of verify.mjs
// accept a signature, a certificate, rows of a state or an item's place, or what they find in a file at a time.

import { readFileSync } from "node:fs";
import { decoded, stateProof } from "./records.mjs";
import { isSigned, line, setHash, verifyAtPlace, verifyCertificate, verifyFile, verifyRows } from "./verify.mjs";

const bytes = (text) => (text === null ? null : Buffer.from(text, "hex"));

const RULES = {
  signature: ({ key, message, signature }) => isSigned(bytes(key), bytes(message), bytes(signature)),
  certificate: ({ members, set_hash, chain, block, certificate }) => holds(() => {
    const set = members.map(({ producer, key }) => ({ producer: bytes(producer), key: bytes(key) }));
    if (setHash(set).toString("hex") !== set_hash) throw new Error("refused");
    verifyCertificate(set, bytes(chain), bytes(block), bytes(certificate));
  }),
  rows: ({ root, rows, proof }) => holds(() => {
    const named = rows.map(([key, value]) => ({ key: bytes(key), value: bytes(value) }));
    verifyRows(bytes(root), named, decoded(stateProof, bytes(proof)));
  }),
  place: ({ root, item, index, size, hashes }) => holds(() => {
    verifyAtPlace(bytes(root), bytes(item), index, size, hashes.map(bytes));
  }),
  file: ({ file, genesis, checkpoint, now_ms }) => verifyFile(bytes(file), { genesis: bytes(genesis), checkpoint }, now_ms),
};

function holds(rule) {
  try {
    rule();
    return true;
  } catch (error) {
    if (error.message === "refused") return false;
    throw error;
  }
}

const cases = JSON.parse(readFileSync(0, "utf8"));
console.log(line(cases.map((each) => RULES[each.rule](each))));
