import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { lceEval } from './lce-eval.ts'
import { lceInfo } from './lce-info.ts'
import { lceTrain } from './lce-train.ts'

/** `lce ...`: the networks of blind super-resolution. */
export function lce(program: Command, context: Context): void {
  const parent = program
    .command('lce')
    .description('train, measure and examine the networks of blind super-resolution')
  for (const verb of [lceInfo, lceTrain, lceEval]) verb(parent, context)
}
