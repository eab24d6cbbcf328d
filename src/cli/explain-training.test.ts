import { expect, test } from 'vitest'
import { encodeProof } from '../proof/files.ts'
import { fixtureConfig } from '../train/fixture.ts'
import { explainClassification, explainWindow, kindOf } from './explain-training.ts'

const digest = (byte: string): string => byte.repeat(32)

test('a window says which steps join which states', () => {
  const statement = {
    kind: 'training',
    config: fixtureConfig('mlp', { steps: 3 }),
    examples: 13,
    samplingSeed: digest('01'),
    firstStep: 6,
    steps: 3,
    data: digest('02'),
    before: digest('03'),
    after: digest('04'),
  }
  const proof = encodeProof(statement, new Uint8Array(5))
  expect(kindOf(proof)).toBe('training')
  const { lines, proof_bytes } = explainWindow(proof)
  expect(lines[0]).toContain(`state ${digest('04')} follows from the state ${digest('03')} by steps 6 to 9`)
  expect(proof_bytes).toBe(5)
  expect(() => explainClassification(proof)).toThrow()
})

test('a classification says its classes, and whether the images are hidden', () => {
  const statement = { kind: 'classification', commitment: digest('05'), classes: [3, 1], images: null }
  const { lines } = explainClassification(encodeProof(statement, new Uint8Array(7)))
  expect(lines[0]).toContain('these images the classes 3, 1')
  expect(lines[3]).toContain('and the images')
})
