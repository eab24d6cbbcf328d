/** Speed of a training step of the super-resolution networks. */
import { availableParallelism } from 'node:os'
import { method, SIZES } from '../models/lce/config.ts'
import { trainDefaults } from '../models/lce/train/options.ts'
import { BLUR, CLEAR, HR, operations, PARAMETERS, trainingGraph } from '../models/lce/train/step.ts'
import { LR } from '../models/lce/network.ts'
import { firstMoment, initialMoments, next, stepFeeds } from '../nn/adam.ts'
import { openSession, type Values } from '../nn/session.ts'
import { sizeOf } from '../nn/shape.ts'

const PATCH = 48
/** Batch and steps that are measured, after some in which the runtime finds its memory. */
const RUNS = {
  tiny: { batch: 8, warmUp: 5, steps: 10 },
  small: { batch: 8, warmUp: 1, steps: 3 },
  full: { batch: 2, warmUp: 1, steps: 5 },
}

export async function benchLceTrain(): Promise<object> {
  const report: Record<string, object> = {}
  for (const size of SIZES) {
    const { batch, warmUp, steps } = RUNS[size]
    const threads = Math.min(2, availableParallelism())
    const { losses, outputs, parameters, lr, blur, sr } = trainingGraph(
      { ...method, scale: 4, size },
      { ...trainDefaults, rows: batch, patch: PATCH },
    )
    const session = await openSession<string>(outputs, { threads })
    const noise = (n: number) => Float32Array.from({ length: n }, Math.random)
    let feeds: Record<string, Values> = {
      [LR]: noise(sizeOf(lr.shape)),
      [CLEAR]: noise(sizeOf(lr.shape)),
      [HR]: noise(sizeOf(sr.shape)),
      ...(blur && { [BLUR]: noise(sizeOf(blur.shape)) }),
      ...initialMoments(new Map([[PARAMETERS, [parameters.count]]])),
      [PARAMETERS]: parameters.pack(parameters.draw(1)),
    }
    const seconds: number[] = []
    for (let step = 1; step <= warmUp + steps; step++) {
      const start = performance.now()
      const results = await session.run({ ...feeds, ...stepFeeds(step, 1e-4) })
      if (step > warmUp) seconds.push((performance.now() - start) / 1000)
      const advanced = Object.keys(feeds).filter(name => next(name) in results)
      feeds = { ...feeds, ...Object.fromEntries(advanced.map(name => [name, results[next(name)]!])) }
    }
    await session.release()
    // Losses and gradients alone: the optimizer's products are not counted, though they take their time.
    const flop = operations([...Object.values(losses), outputs[next(firstMoment(PARAMETERS))]!])
    const median = [...seconds].sort((a, b) => a - b)[seconds.length >> 1]!
    report[size] = {
      parameters: parameters.count,
      batch,
      patch: PATCH,
      threads,
      step_seconds: median,
      gflop: flop / 1e9,
      gflops_per_second: flop / 1e9 / median,
    }
  }
  return report
}
