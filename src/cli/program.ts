import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { Context } from './context.ts'
import { calibrate } from './verbs/calibrate.ts'
import { classify } from './verbs/classify.ts'
import { commit } from './verbs/commit.ts'
import { demo } from './verbs/demo.ts'
import { explain } from './verbs/explain.ts'
import { generate } from './verbs/generate.ts'
import { inspect } from './verbs/inspect.ts'
import { lce } from './verbs/lce.ts'
import { prove } from './verbs/prove.ts'
import { refresh } from './verbs/refresh.ts'
import { train } from './verbs/train.ts'
import { upscale } from './verbs/upscale.ts'
import { verify } from './verbs/verify.ts'

/** Every verb, in the order of a first use. */
export const VERBS = [
  demo,
  inspect,
  calibrate,
  commit,
  generate,
  prove,
  verify,
  explain,
  refresh,
  train,
  classify,
  upscale,
  lce,
]

/** The whole command line. Instead of ending the process it throws commander's errors. */
export function createProgram(context: Context): Command {
  const program = new Command('proofmark')
    .description('Zero-knowledge proofs that a committed model gave an answer.')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: text => void context.stdout.write(text),
      writeErr: text => void context.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      '\nExample:\n  $ proofmark demo\n\nExit codes: 0 done, 1 proof rejected, 2 bad input or no resources, 3 a bug, 130 stopped.',
    )
  for (const verb of VERBS) verb(program, context)
  return program
}

/** From package.json, which lies two levels above this file in the sources as in the build. */
function version(): string {
  const json: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof json === 'object' && json !== null && 'version' in json ? String(json.version) : '0'
}
