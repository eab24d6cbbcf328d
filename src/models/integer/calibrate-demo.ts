/** Calibrates the embedded default model: `npm run calibrate:demo -- --text FILE`. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { loadCheckpoint } from '../../import/checkpoint.ts'
import { loadTokenizer } from '../../import/tokenizer.ts'
import { loadBackend } from '../../backend/index.ts'
import { FloatModel } from '../float/index.ts'
import { measureAccuracy, textWindows } from './accuracy.ts'
import { calibrate } from './calibrate.ts'
import { IntegerModel } from './model.ts'
import { saveModel } from './store.ts'
import { floatWeight } from './weights.ts'

/** The end of the text, which training did not see, measures; windows of the rest choose the scales. */
const HELD_OUT = 0.05
const WINDOW = 128
const CALIBRATION_WINDOWS = 4
const MEASURED_WINDOWS = 64

const { text: path } = new Command('calibrate-demo')
  .description('choose the scales of models/demo, write its proofmark.json and print the accuracy')
  .requiredOption('--text <file>', 'the text that the model was trained on')
  .parse()
  .opts<{ text: string }>()

const dir = fileURLToPath(new URL('../../../models/demo', import.meta.url))
const text = readFileSync(path, 'utf8')
const cut = Math.floor(text.length * (1 - HELD_OUT))
const tokenizer = loadTokenizer(dir)
const windows = (part: string, count: number) =>
  textWindows(tokenizer.encode(part, { addSpecial: false }), WINDOW, count)
const checkpoint = loadCheckpoint(dir)
const { config } = checkpoint
const backend = loadBackend()
const { description, weights } = calibrate(
  backend,
  config,
  (name, shape) => floatWeight(config, n => checkpoint.read(n), name, shape),
  windows(text.slice(0, cut), CALIBRATION_WINDOWS),
)
// The weights are those of the checkpoint beside: they are quantised again when the model is loaded.
saveModel(dir, description, undefined)
const float = new FloatModel(config, new Map(checkpoint.names().map(name => [name, checkpoint.read(name)])))
const integer = new IntegerModel(description, weights, backend)
const accuracy = await measureAccuracy(integer, float, windows(text.slice(cut), MEASURED_WINDOWS))
await float.release()
checkpoint.close()
process.stdout.write(`${JSON.stringify({ ...accuracy, residualBits: description.residualBits }, null, 2)}\n`)
