/** Enlarges a 512 x 512 image four times with the network that comes with the package. */
import { findWeights, EMBEDDED, lceUpscaler } from '../image/network.ts'
import { upscaleWith } from '../image/upscale.ts'
import { method } from '../models/lce/config.ts'
import { lceGraph } from '../models/lce/network.ts'

const SIDE = 512

export const benchUpscale = async (): Promise<object> => {
  const wanted = { ...method, size: 'tiny', scale: 4 } as const
  // Weights that say nothing cost as much as trained ones.
  const found = findWeights(EMBEDDED, { ...method, scale: 4 })
  const weights = found ?? { config: wanted, tensors: lceGraph(wanted, 8, 8).parameters.draw(1) }
  const data = Float32Array.from(
    { length: 3 * SIDE * SIDE },
    (_, i) => 0.5 + 0.3 * Math.sin(i / 7) * Math.cos(i / 9001),
  )
  const start = performance.now()
  let tiles = 0
  const large = await upscaleWith(
    lceUpscaler(weights),
    { width: SIDE, height: SIDE, channels: 3, data },
    {
      onProgress: ({ stage, done, total }) => {
        tiles = total
        process.stderr.write(`${stage} ${done}/${total}\n`)
      },
    },
  )
  return {
    size: weights.config.size,
    trained: found !== undefined,
    width: large.width,
    height: large.height,
    tiles,
    upscale_seconds: (performance.now() - start) / 1000,
    cpu_seconds: process.resourceUsage().userCPUTime / 1e6,
    peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
  }
}
