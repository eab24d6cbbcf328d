/**
 * Draws the curves of integer and float training:
 *
 *     node dist/train/accuracy-main.js CONFIG.json.. --data FOLDER --test 2000 --epochs 10 -o docs
 *
 * writes training-accuracy.json and training-accuracy.svg.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Command } from 'commander'
import { loadBackend } from '../backend/index.ts'
import { compareTraining } from './accuracy.ts'
import { accuracyPlot, type Panel } from './accuracy-plot.ts'
import { trainingSchema } from './config.ts'
import { slice } from './data/dataset.ts'
import { loadDataset } from './data/load.ts'

interface Flags {
  data: string
  test: string
  epochs: string
  seed: string
  out: string
}

const percent = (x: number): string => `${(100 * x).toFixed(2)} %`

const program = new Command('accuracy')
  .description('train each configuration in integers and in float, and draw both curves')
  .argument('<config...>', 'training configurations')
  .requiredOption('--data <path>', 'a labelled data set')
  .option('--test <n>', 'examples at its end that test', '2000')
  .option('--epochs <n>', 'epochs', '10')
  .option('--seed <n>', 'seed of weights and batches', '1')
  .requiredOption('-o, --out <dir>', 'where the curves go')
  .action(async (configs: string[], flags: Flags) => {
    const data = await loadDataset(flags.data)
    const split = data.labels.length - Number(flags.test)
    const [train, test] = [slice(data, 0, split), slice(data, split, data.labels.length)]
    const panels: Panel[] = []
    for (const path of configs) {
      const title = basename(path, '.json')
      const config = trainingSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
      const epochs = await compareTraining(loadBackend(), config, train, test, {
        epochs: Number(flags.epochs),
        seed: Number(flags.seed),
        samplingSeed: new Uint8Array(32).fill(Number(flags.seed)),
        onEpoch: e =>
          console.error(
            `${title} epoch ${e.epoch}: integer ${percent(e.integer.accuracy)}, float ${percent(e.float.accuracy)}`,
          ),
      })
      panels.push({ title, epochs })
    }
    mkdirSync(flags.out, { recursive: true })
    const rounded = (_: string, x: unknown): unknown =>
      typeof x === 'number' ? Math.round(x * 1e4) / 1e4 : x
    writeFileSync(join(flags.out, 'training-accuracy.json'), `${JSON.stringify(panels, rounded, 2)}\n`)
    writeFileSync(join(flags.out, 'training-accuracy.svg'), accuracyPlot(panels))
  })

await program.parseAsync()
