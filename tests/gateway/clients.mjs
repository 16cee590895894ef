// What clients of the IPFS project get from a gateway, and whether they believe it.
//
// stdin: {"gateway", "checks", "patience_ms", "file", "start", "length", "directory", "name",
// "head"}; stdout: a JSON object of what each check found, or {"refused": why}. Helia does not give
// up after a false block but looks for another provider until its patience ends.

import './older_node.mjs'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { trustlessGateway } from '@helia/block-brokers'
import { createHeliaHTTP } from '@helia/http'
import { httpGatewayRouting } from '@helia/routers'
import { unixfs } from '@helia/unixfs'
import { createVerifiedFetch } from '@helia/verified-fetch'
import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

const asked = JSON.parse(readFileSync(0, 'utf-8'))
let signal // of the check under way
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function joined (pieces) {
  const all = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

const helia = await createHeliaHTTP({
  blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
  routers: [httpGatewayRouting({ gateways: [asked.gateway] })]
})
const files = unixfs(helia)
const verifiedFetch = await createVerifiedFetch(helia)

const checks = {
  async file () {
    return digest(await joined(files.cat(CID.parse(asked.file), { signal })))
  },
  async range () {
    const pieces = files.cat(CID.parse(asked.file), { offset: asked.start, length: asked.length, signal })
    return digest(await joined(pieces))
  },
  async directory () {
    const names = []
    for await (const entry of files.ls(CID.parse(asked.directory), { signal })) names.push([entry.name, entry.cid.toString()])
    return names
  },
  async fetched () {
    const response = await verifiedFetch(`ipfs://${asked.directory}/${asked.name}`, { signal })
    return [response.status, digest(Buffer.from(await response.arrayBuffer()))]
  },
  async fetchedRange () {
    const headers = { range: `bytes=${asked.start}-${asked.start + asked.length - 1}` }
    const response = await verifiedFetch(`ipfs://${asked.file}`, { headers, signal })
    return [response.status, digest(Buffer.from(await response.arrayBuffer()))]
  },
  async car () {
    const accept = 'application/vnd.ipld.car; version=1; order=dfs; dups=n'
    const response = await fetch(`${asked.gateway}/ipfs/${asked.directory}/${asked.name}`, { headers: { accept }, signal })
    const reader = await CarReader.fromBytes(new Uint8Array(await response.arrayBuffer()))
    const cids = []
    for await (const { cid, bytes } of reader.blocks()) {
      if (!(await sha256.digest(bytes)).bytes.every((byte, i) => byte === cid.multihash.bytes[i])) {
        throw new Error(`the bytes are not those of ${cid}`)
      }
      await helia.blockstore.put(cid, bytes)
      cids.push(cid.toString())
    }
    return [(await reader.getRoots()).map(String), cids]
  },
  async chain () {
    const heights = []
    let cid = CID.parse(asked.head)
    while (cid != null) {
      const header = dagCbor.decode(await helia.blockstore.get(cid, { signal }))
      heights.push(header[4])
      cid = header[3]
    }
    return heights
  }
}

const found = {}
for (const name of asked.checks) {
  signal = AbortSignal.timeout(asked.patience_ms)
  try {
    found[name] = await checks[name]()
  } catch (error) {
    found[name] = { refused: `${error.name}: ${error.message}` }
  }
}
console.log(JSON.stringify(found))
process.exit(0)
