import type { Command } from 'commander'
import { createState, newSeed, REFRESH_OPENINGS, statePath } from '../../state/state.ts'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkModel, checkNewCommitment, defaultCommitment, writeAtomic } from '../files.ts'
import { table } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options {
  output?: string
  budget: number
}

/** `commit MODEL -o FILE`: the public commitment, and the private state beside it. */
export function commit(program: Command, context: Context): void {
  addVerb(
    program,
    'commit <model>',
    'commit to the weights of a model',
    'proofmark commit models/gpt2-int -o gpt2.commitment --budget 1000',
  )
    .option('-o, --output <file>', 'the public commitment (default: MODEL/proofmark.commitment)')
    .option('--budget <n>', 'proofs that it has to serve before a refresh', integer(1, 2 ** 20), 1000)
    .action(
      action<[string], Options>(context, 1, async (run, [model], { output, budget }) => {
        checkModel(model)
        const commitModel = need(context.api, 'commit')
        const path = output ?? defaultCommitment(model)
        const state = statePath(path)
        checkNewCommitment(path)
        const seed = newSeed()
        const { bytes, ...report } = await commitModel(
          { model, seed, openings: budget + REFRESH_OPENINGS },
          run.job,
        )
        context.signal.throwIfAborted()
        // State first: a commitment without its state could never be used, or worse, used without counting.
        createState(state, { seed, budget, commitment: report.digest })
        writeAtomic(path, bytes)
        run.note(`${state} is secret: keep it, and never restore it from a backup.`)
        const rows = [
          ['commitment', path],
          ['digest', Buffer.from(report.digest).toString('hex')],
          ['private state', state],
          ['budget', `${budget} proofs`],
        ] as const
        run.print({ ...report, commitment: path, state, budget }, table(rows))
      }),
    )
}
