import type { Command } from 'commander'
import { openState, requireOpenings, reserve, statePath } from '../../state/state.ts'
import { need } from '../api.ts'
import type { Context } from '../context.ts'
import { checkModel, checkOutput, defaultCommitment, readInput, writeAtomic } from '../files.ts'
import { printable, size, table } from '../output.ts'
import { action, addVerb, integer, MAX_NEW_TOKENS } from '../verb.ts'

interface Options {
  prompt: string
  maxNewTokens: number
  output: string
  commitment?: string
  privateInput?: boolean
}

/** `prove MODEL --prompt TEXT --max-new-tokens N -o FILE`: generates, and proves that the committed model did. */
export function prove(program: Command, context: Context): void {
  addVerb(
    program,
    'prove <model>',
    'generate, and prove that the committed model did',
    'proofmark prove models/gpt2-int --prompt "The sea" --max-new-tokens 8 -o answer.proof',
  )
    .requiredOption('--prompt <text>', 'the input')
    .requiredOption('--max-new-tokens <n>', 'tokens to add', integer(1, MAX_NEW_TOKENS))
    .requiredOption('-o, --output <file>', 'the proof')
    .option(
      '--commitment <file>',
      'the commitment, its private state beside it (default: MODEL/proofmark.commitment)',
    )
    .option('--private-input', 'keep the prompt out of the statement')
    .action(
      action<[string], Options>(context, 1, async (run, [model], options) => {
        checkModel(model)
        const proveModel = need(context.api, 'prove')
        const commitmentFile = options.commitment ?? defaultCommitment(model)
        const commitment = readInput(commitmentFile)
        checkOutput(options.output, [commitmentFile])
        const state = openState(statePath(commitmentFile))
        requireOpenings(state, 1)
        const { bytes, ...report } = await proveModel(
          {
            model,
            prompt: options.prompt,
            maxNewTokens: options.maxNewTokens,
            commitment,
            digest: state.commitment,
            privateInput: options.privateInput === true,
            reserve: () => {
              context.signal.throwIfAborted()
              return { seed: state.seed, number: reserve(state.path, 1)[0] as number }
            },
          },
          run.job,
        )
        context.signal.throwIfAborted()
        writeAtomic(options.output, bytes)
        const { remaining } = openState(state.path)
        const rows = [
          ['answer', printable(report.text)],
          ['proof', `${options.output} (${size(bytes.length)})`],
          ['budget', `${remaining} of ${state.budget} proofs left`],
        ] as const
        run.print({ ...report, proof: options.output, bytes: bytes.length, remaining }, table(rows))
      }),
    )
}
