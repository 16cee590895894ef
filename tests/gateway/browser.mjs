// A page in headless Chromium plays a video from a gateway and seeks in it.
//
// stdin: {"browser", "video", "page"}: the browser's program, the video's URL, and a URL of the
// gateway that must not run the script in it. stdout: a JSON object of what was seen.

import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

const ENOUGH_MS = 60_000
const asked = JSON.parse(readFileSync(0, 'utf-8'))
const browser = await chromium.launch({
  executablePath: asked.browser,
  args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required']
})

async function play (url) {
  const video = document.createElement('video')
  Object.assign(video, { crossOrigin: 'anonymous', muted: true, src: url })
  document.body.append(video)
  const until = (event) => new Promise((resolve, reject) => {
    video.addEventListener(event, resolve, { once: true })
    video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true })
  })
  const colours = () => {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext('2d')
    canvas.drawImage(video, 0, 0)
    return new Set(canvas.getImageData(0, 0, video.videoWidth, video.videoHeight).data).size
  }
  const advanced = until('timeupdate').then(() => until('timeupdate'))
  await video.play()
  await advanced
  const played = video.currentTime
  video.pause()
  const sought = until('seeked')
  video.currentTime = 5
  await sought
  return {
    size: [video.videoWidth, video.videoHeight],
    duration: Math.round(video.duration),
    hasPlayed: played > 0,
    sought: video.currentTime,
    isPicture: colours() > 16
  }
}

try {
  const page = await browser.newPage()
  page.setDefaultTimeout(ENOUGH_MS)
  const statuses = []
  page.on('response', (response) => {
    if (response.url() === asked.video) statuses.push(response.status())
  })
  const seen = await page.evaluate(play, asked.video)
  const dialogs = []
  page.on('dialog', (dialog) => { dialogs.push(dialog.message()); dialog.dismiss() })
  const downloading = page.waitForEvent('download')
  await page.goto(asked.page).catch(() => {}) // it is no page but a download
  const download = await downloading
  console.log(JSON.stringify({ ...seen, statuses, dialogs, download: download.suggestedFilename() }))
} finally {
  await browser.close()
}
