/** `npm run bench -- NAME [--tokens N] [--json]` */
import { parseArgs } from 'node:util'
import { benchInference } from './inference.ts'
import { kernels } from './kernels.ts'
import { benchLceTrain } from './lce-train.ts'
import { SHAPES } from './models.ts'

const BENCHES: Readonly<Record<string, (tokens: number) => Promise<object>>> = {
  demo: async () => {
    const { demo } = await import('../cli/library.ts')
    const { lines: _, ...report } = await demo({ signal: new AbortController().signal, onProgress: () => {} })
    return report
  },
  'gpt2-small': tokens => benchInference(SHAPES['gpt2-small'], tokens),
  'opt-125m': tokens => benchInference(SHAPES['opt-125m'], tokens),
  'llama-shape': tokens => benchInference(SHAPES['llama-1.1b'], tokens),
  kernels,
  'lce-train': benchLceTrain,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '32' },
    params: { type: 'string', default: '1.1b' },
    json: { type: 'boolean', default: false },
  },
})
const [name = ''] = positionals
const bench = BENCHES[name]
const tokens = Number(values.tokens)
if (!bench || !Number.isInteger(tokens) || tokens < 1 || values.params !== '1.1b') {
  const got = `bench ${name} --tokens ${values.tokens} --params ${values.params}`
  process.stderr.write(`expected: bench ${Object.keys(BENCHES).join('|')} [--tokens N] [--params 1.1b] [--json], got: ${got}\n`)
  process.exit(2)
}
const report = { bench: name, ...(await bench(tokens)) }
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`)
