// Content ids by the IPFS project's own importer: reads cases [{profile, size, seed}, …] as JSON from
// stdin, and prints the CID of each file on a line of its own.
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { importByteStream } from 'ipfs-unixfs-importer'

const PIECE_BYTES = 65536
const OPTIONS = {
  'kubo-cidv1-256k-174': {
    cidVersion: 1,
    rawLeaves: true,
    chunker: fixedSize({ chunkSize: 262144 }),
    layout: balanced({ maxChildrenPerNode: 174 })
  },
  'unixfs-v1-2025': { profile: 'unixfs-v1-2025' }
}
const NOWHERE = { put: async (cid) => cid }

async function * content (size, seed) {
  for (let number = 0; number * PIECE_BYTES < size; number++) {
    const piece = new Uint8Array(PIECE_BYTES)
    const view = new DataView(piece.buffer)
    for (let at = 0; at < PIECE_BYTES; at += 8) {
      view.setUint32(at, seed)
      view.setUint32(at + 4, number)
    }
    yield piece.subarray(0, Math.min(PIECE_BYTES, size - number * PIECE_BYTES))
  }
}

let text = ''
for await (const piece of process.stdin) text += piece
for (const { profile, size, seed } of JSON.parse(text)) {
  const made = await importByteStream(content(size, seed), NOWHERE, OPTIONS[profile])
  console.log(made.cid.toString())
}
