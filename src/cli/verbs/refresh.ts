import type { Command } from 'commander'
import {
  createState,
  newSeed,
  openState,
  REFRESH_OPENINGS,
  reserveRefresh,
  statePath,
} from '../../state/state.ts'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkModel, checkNewCommitment, defaultCommitment, readInput, writeAtomic } from '../files.ts'
import { table } from '../output.ts'
import { action, addVerb, integer } from '../verb.ts'

interface Options {
  output: string
  commitment?: string
  budget?: number
}

/** `refresh MODEL -o FILE`: the same weights under new randomness and a new budget, with a proof that they are the same. */
export function refresh(program: Command, context: Context): void {
  addVerb(
    program,
    'refresh <model>',
    'commit to the same weights again, with a new budget',
    'proofmark refresh models/gpt2-int --commitment gpt2.commitment -o gpt2-2.commitment',
  )
    .requiredOption('-o, --output <file>', 'the new commitment')
    .option('--commitment <file>', 'the old one (default: MODEL/proofmark.commitment)')
    .option(
      '--budget <n>',
      'proofs that the new one has to serve (default: as the old one)',
      integer(1, 2 ** 20),
    )
    .action(
      action<[string], Options>(context, 1, async (run, [model], options) => {
        checkModel(model)
        const refreshModel = need(context.api, 'refresh')
        const oldFile = options.commitment ?? defaultCommitment(model)
        const commitment = readInput(oldFile)
        const old = openState(statePath(oldFile))
        const state = statePath(options.output)
        checkNewCommitment(options.output)
        const budget = options.budget ?? old.budget
        const seed = newSeed()
        const { bytes, ...report } = await refreshModel(
          {
            model,
            commitment,
            digest: old.commitment,
            reserve: () => {
              context.signal.throwIfAborted()
              return { seed: old.seed, number: reserveRefresh(old.path) }
            },
            seed,
            openings: budget + REFRESH_OPENINGS,
          },
          run.job,
        )
        context.signal.throwIfAborted()
        createState(state, { seed, budget, commitment: report.digest })
        writeAtomic(options.output, bytes)
        run.note(`${state} is secret: keep it, and never restore it from a backup.`)
        const rows = [
          ['commitment', options.output],
          ['digest', Buffer.from(report.digest).toString('hex')],
          ['refreshes', oldFile],
          ['private state', state],
          ['budget', `${budget} proofs`],
        ] as const
        run.print({ ...report, commitment: options.output, refreshes: oldFile, state, budget }, table(rows))
      }),
    )
}
