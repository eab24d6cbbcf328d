#!/usr/bin/env node
import { api } from './api.ts'
import { classify } from './failure.ts'
import { printable } from './output.ts'
import { run } from './run.ts'

const controller = new AbortController()

function interrupt(): void {
  if (!controller.signal.aborted) {
    process.stderr.write('\nproofmark: stopping; press Ctrl-C again to quit at once\n')
    controller.abort()
    return
  }
  // Kernels finish their current batch before they look at the signal, and process.exit would wait for them. The signal's
  // own action does not.
  process.off('SIGINT', interrupt)
  process.kill(process.pid, 'SIGINT')
}
process.on('SIGINT', interrupt)

function fail(error: unknown): never {
  const { exitCode, message } = classify(error, controller.signal.aborted)
  process.stderr.write(`proofmark: ${printable(message)}\n`)
  process.exit(exitCode)
}
// The engine's own exit code for these is 1, which here means a rejected proof.
process.on('uncaughtException', fail)
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe may leave early, as `head` does; the exit code still tells how the run ended.
  if (error.code !== 'EPIPE') fail(Object.assign(error, { path: 'standard output' }))
})

const exitCode = await run(process.argv.slice(2), {
  api,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
  exitCode: 0,
})
// Pipes are written in the background; kernels that were stopped half-way must not keep the process.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>(done => stream.write('', () => done()))
process.exit(exitCode)
