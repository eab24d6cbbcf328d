/** `npm run bench -- NAME [--tokens N] [--steps N] [--json]` */
import { parseArgs } from 'node:util'
import { benchInference } from './inference.ts'
import { kernels } from './kernels.ts'
import { benchLceTrain } from './lce-train.ts'
import { SHAPES } from './models.ts'
import { benchScaling } from './scaling.ts'
import { benchTraining, deepMlp, lenet } from './training.ts'
import { benchUpscale } from './upscale.ts'

const BENCHES: Readonly<Record<string, (tokens: number, steps: number) => Promise<object>>> = {
  demo: async () => {
    const { demo } = await import('../cli/library.ts')
    const { lines: _, ...report } = await demo({ signal: new AbortController().signal, onProgress: () => {} })
    return report
  },
  'gpt2-small': tokens => benchInference(SHAPES['gpt2-small'], tokens),
  'opt-125m': tokens => benchInference(SHAPES['opt-125m'], tokens),
  'llama-shape': tokens => benchInference(SHAPES['llama-1.1b'], tokens),
  'train-mlp-8x1024': (_, steps) => benchTraining(deepMlp(8, 1024, 64, steps), 2048),
  'train-mlp-200m': (_, steps) => benchTraining(deepMlp(16, 3584, 64, steps), 128),
  'train-lenet': (_, steps) => benchTraining(lenet(32, steps), 2048),
  'train-scaling': () => benchScaling(values.svg),
  kernels,
  'lce-train': benchLceTrain,
  upscale: benchUpscale,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '32' },
    steps: { type: 'string', default: '1' },
    params: { type: 'string', default: '1.1b' },
    svg: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const [name = ''] = positionals
const bench = BENCHES[name]
const tokens = Number(values.tokens)
const steps = Number(values.steps)
if (
  !bench ||
  !Number.isInteger(tokens) ||
  tokens < 1 ||
  !Number.isInteger(steps) ||
  steps < 1 ||
  values.params !== '1.1b'
) {
  const got = `bench ${name} --tokens ${values.tokens} --steps ${values.steps} --params ${values.params}`
  process.stderr.write(
    `expected: bench ${Object.keys(BENCHES).join('|')} [--tokens N] [--steps N] [--params 1.1b] [--json], got: ${got}\n`,
  )
  process.exit(2)
}
const report = { bench: name, ...(await bench(tokens, steps)) }
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`)
