// Print what is paid in an app, each payment once and only when it is final, a JSON line each.
//
//   node payments.mjs NODE APP
//
// For Node.js 20 or newer, without packages. It asks again whenever a block becomes final.

const [node, app] = process.argv.slice(2);

async function* pages(path) {
  for (let cursor = ""; cursor !== null; ) {
    const query = cursor ? `?cursor=${cursor}` : "";
    const response = await fetch(`${node}${path}${query}`);
    const page = await response.json();
    if (!response.ok) throw new Error(page.detail);
    yield* page.items;
    cursor = page.next;
  }
}

// A final block is an event of server-sent events: a line "event: final".
async function* finals() {
  yield;
  const response = await fetch(`${node}/v1/events?kinds=final`);
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const lines = text.split("\n");
    text = lines.pop();
    if (lines.some((line) => line === "event: final" || line === "event: gap")) yield;
  }
}

let last = 0;
for await (const _ of finals()) {
  for await (const { payment, row } of pages(`/v1/apps/${app}/payments`)) {
    if (payment <= last) continue;
    last = payment;
    const { payer, item, units, memo } = row;
    console.log(JSON.stringify({ payment, payer, item, units, memo }));
  }
}
