import { existsSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import { need, type Verdict } from '../api.ts'
import type { Context, VerbRun } from '../context.ts'
import { readInput } from '../files.ts'
import { printable } from '../output.ts'
import { action, addVerb, describe } from '../verb.ts'

interface Options {
  commitment?: string
}

/** `verify FILE --commitment FILE`, `verify DIR`: exit 0 for what holds, 1 for what does not. */
export function verify(program: Command, context: Context): void {
  const verb = addVerb(
    program,
    'verify <path>',
    'check a proof against a commitment, or the chain of a training run',
    'proofmark verify answer.proof --commitment gpt2.commitment',
  )
  verb
    .option(
      '--commitment <file>',
      'the public commitment; of a training run the one that its chain has to end in',
    )
    .action(
      action<[string], Options>(context, 1, async (run, [path], options) => {
        const isRun = existsSync(path) && statSync(path).isDirectory()
        if (!isRun && options.commitment === undefined)
          verb.error("error: required option '--commitment <file>' not specified", { exitCode: 2 })
        const commitment = options.commitment === undefined ? undefined : readInput(options.commitment)
        await (isRun ? verifyRun(run, path, commitment) : verifyProof(run, path, commitment as Uint8Array))
      }),
    )
}

async function verifyProof(run: VerbRun, path: string, commitment: Uint8Array): Promise<void> {
  const check = need(run.context.api, 'verify')
  report(run, await check({ proof: readInput(path), commitment }, run.job))
}

async function verifyRun(run: VerbRun, directory: string, commitment?: Uint8Array): Promise<void> {
  report(run, await need(run.context.api, 'verifyRun')({ directory, commitment }, run.job))
}

function report(run: VerbRun, verdict: Verdict): void {
  run.context.exitCode = verdict.ok ? 0 : 1
  if (verdict.ok) {
    const { ok: _, ...statement } = verdict
    run.print(verdict, `ACCEPTED\n${describe(statement)}`.trim())
  } else run.print(verdict, `REJECTED at ${printable(verdict.at)}: ${printable(verdict.reason)}`)
}
