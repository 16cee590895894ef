// Refund a payment in an app: makes a transaction, signs it and sends it, and checks its receipt.
//
//   APP_SEED=… node refund.mjs NODE APP PAYMENT
//
// For Node.js 20 or newer, without packages. APP_SEED is the seed of the account that was paid, 64
// hexadecimal digits, as `reelect keys show NAME --secret` prints it.

import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { setTimeout } from "node:timers/promises";

const [node, app, payment] = process.argv.slice(2);
const VALID_BLOCKS = 600, ENOUGH_FEE = 1_000_000_000, WAIT_MS = 60_000, POLL_MS = 500;

// Encoding (docs/protocol.md, section 1): the part of DAG-CBOR that these transactions need.

function head(major, n) {
  const size = [24, 2 ** 8, 2 ** 16, 2 ** 32].findIndex((limit) => n < limit);
  if (size === 0) return Buffer.from([(major << 5) | n]);
  const length = size < 0 ? 8 : 2 ** (size - 1);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(n));
  return Buffer.concat([Buffer.from([(major << 5) | (24 + Math.log2(length))]), bytes.subarray(8 - length)]);
}

function encode(value) {
  if (value === null) return Buffer.from([0xf6]);
  if (typeof value === "number") return head(0, value);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === "string") {
    const text = Buffer.from(value, "utf8");
    return Buffer.concat([head(3, text.length), text]);
  }
  return Buffer.concat([head(4, value.length), ...value.map(encode)]);
}

// The key of an account that has one: its id is the public key.

const seed = Buffer.from(process.env.APP_SEED, "hex");
const prefix = Buffer.from("302e020100300506032b657004220420", "hex"); // PKCS #8 of Ed25519
const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: "der", type: "pkcs8" });
const sender = Buffer.from(createPublicKey(key).export({ format: "jwk" }).x, "base64url");

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(`${node}${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.code}: ${answer.detail}`);
  return answer;
}

async function find() {
  for (let cursor = ""; cursor !== null; ) {
    const page = await ask(`/v1/apps/${app}/payments${cursor ? `?cursor=${cursor}` : ""}`);
    const found = page.items.find((item) => item.payment === Number(payment));
    if (found) return found.row;
    cursor = page.next;
  }
  throw new Error(`${app} has no payment ${payment} that can be refunded`);
}

const { developer } = await find();
const status = await ask("/v1/status");
const account = await ask(`/v1/accounts/${developer}`);
const feeAsset = account.balances[0].asset;

function order(maxFee) {
  const unsigned = [
    "transaction", 1, Buffer.from(status.chain, "hex"), sender, null, account.next_nonce,
    status.head.height + VALID_BLOCKS, feeAsset, maxFee, [["apps.refund", 1, app, Number(payment)]],
  ];
  const signature = sign(null, encode(unsigned), key);
  return { transaction: encode([...unsigned, [[sender, signature]]]).toString("hex") };
}

const tried = await ask("/v1/transactions/simulate", order(ENOUGH_FEE));
if (tried.receipt.status !== "ok") throw new Error(`refused: ${tried.receipt.status}`);
const { id } = await ask("/v1/transactions", order(2 * Number(tried.fee)));

for (const end = Date.now() + WAIT_MS; ; await setTimeout(POLL_MS)) {
  const answer = await ask(`/v1/transactions/${id}`);
  if (answer.state === "final") {
    if (answer.receipt.status !== "ok") throw new Error(`failed: ${answer.receipt.status}`);
    console.log(JSON.stringify(answer.events.map((event) => event.data)));
    break;
  }
  if (Date.now() > end) throw new Error(`${id} is not final yet`);
}
