/** The work of `classify`, and of `verify` on its proofs. Loaded only when one of them runs. */
import { hexToBytes } from '@noble/hashes/utils.js'
import { loadBackend } from '../backend/index.ts'
import { InputError } from '../errors.ts'
import { conform, slice } from '../train/data/dataset.ts'
import { loadDataset } from '../train/data/load.ts'
import { classifyWithRun } from '../train/run/classify.ts'
import { existingRun } from '../train/run/directory.ts'
import { verifyClassification } from '../train/verify.ts'
import type { Api, Verdict } from './api.ts'

export const classify: Api['classify'] = async (request, job) => {
  const directory = existingRun(request.run)
  const { config } = directory.run
  const loaded = await loadDataset(request.data, { labels: request.labels, channels: config.input.channels })
  const all = conform(request.data, loaded, config)
  const { first, count } = request
  if (first + count > all.labels.length)
    throw new InputError(
      '--first',
      `images within the ${all.labels.length} of the data`,
      `${first} to ${first + count - 1}`,
    )
  const images = slice(all, first, first + count)
  const { proof, commitment } = await classifyWithRun(loadBackend(), directory, images.pixels, {
    privateImages: request.privateInput,
    onStage: async (stage, done, total) => {
      job.onProgress({ stage, done, total })
      await new Promise(resolve => setImmediate(resolve))
      job.signal.throwIfAborted()
    },
  })
  const { classes } = proof.statement
  return {
    bytes: proof.file,
    commitment,
    classes: [...classes],
    labelled_right: classes.filter((c, i) => c === images.labels[i]).length,
    prove_seconds: Object.values(proof.seconds).reduce((a, b) => a + b, 0),
    proof_bytes: proof.file.length,
    security_bits: proof.securityBits,
    breakdown: proof.seconds,
  }
}

export const verifyClasses = (proof: Uint8Array, commitment: Uint8Array): Verdict => {
  const start = performance.now()
  const verdict = verifyClassification(proof, commitment)
  const verify_seconds = (performance.now() - start) / 1000
  if (!verdict.ok) return { ...verdict, verify_seconds }
  const { statement, securityBits } = verdict
  const images = statement.images === null ? 'private images' : 'the images in the proof'
  return {
    ok: true,
    at: null,
    reason: null,
    verify_seconds,
    security_bits: securityBits,
    statement: `The trained network committed to as ${statement.commitment} gives ${images} the classes ${statement.classes.join(' ')}.`,
    classes: [...statement.classes],
    images: statement.images === null ? null : hexToBytes(statement.images),
    commitment: statement.commitment,
  }
}
