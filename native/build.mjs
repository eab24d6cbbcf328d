// Builds native/build/proofmark.node with the system's C++ compiler. Without one, the portable backend serves.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const out = join(here, 'build')
const addon = join(out, 'proofmark.node')

/** Instruction sets of the kernels. The base comes first: its copies of shared inline functions are the ones linked. */
const sets = [{ name: 'isa_base', flags: [] }]
if (process.arch === 'x64') {
  sets.push({ name: 'isa_avx2', flags: ['-mavx2', '-mbmi2'] })
  sets.push({
    name: 'isa_avx512',
    flags: ['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mavx2', '-mbmi2'],
  })
}
const once = ['addon.cc', 'pool.cc', 'histogram.cc']

function notice(text) {
  console.warn(`proofmark: ${text}\nproofmark: using the portable backend (slow).`)
  process.exit(0)
}

function findCompiler() {
  for (const name of [process.env.CXX, 'g++', 'clang++', 'c++'])
    if (name) {
      try {
        execFileSync(name, ['--version'], { stdio: 'ignore' })
        return name
      } catch {}
    }
  notice('no C++ compiler found (tried $CXX, g++, clang++, c++); install one and run `npm rebuild proofmark`.')
}

function run(command, args) {
  return new Promise((resolve, reject) =>
    execFile(command, args, (error, _stdout, stderr) =>
      error ? reject(new Error(stderr || error.message)) : resolve(stderr),
    ),
  )
}

const files = readdirSync(here).filter(name => /\.(cc|h|mjs)$/.test(name))
const newest = Math.max(...files.map(name => statSync(join(here, name)).mtimeMs))
if (existsSync(addon) && statSync(addon).mtimeMs >= newest) process.exit(0)
if (process.platform === 'win32') notice('the native kernels are not built on Windows.')

const compiler = findCompiler()
const headers = createRequire(import.meta.url)('node-api-headers').include_dir
mkdirSync(out, { recursive: true })

const common = ['-std=c++20', '-O2', '-ftree-vectorize', '-fvect-cost-model=dynamic', '-fPIC', '-fvisibility=hidden', '-fno-strict-aliasing', '-pthread']
// gcc 12 warns of its own AVX-512 header: the undefined inputs there are meant.
common.push('-Wall', '-Wno-uninitialized', '-Wno-maybe-uninitialized')
const jobs = []
for (const { name, flags } of sets)
  for (const file of files.filter(f => f.endsWith('.cc') && !once.includes(f)))
    jobs.push({ object: join(out, `${file}.${name}.o`), args: [...flags, `-DPM_ISA=${name}`, join(here, file)] })
for (const file of once)
  jobs.push({ object: join(out, `${file}.o`), args: ['-DPM_ISA=isa_base', `-I${headers}`, join(here, file)] })

// An object is kept while it is newer than every header and its own source.
const shared = Math.max(...files.filter(f => !f.endsWith('.cc')).map(f => statSync(join(here, f)).mtimeMs))
const current = ({ object, args }) =>
  existsSync(object) && statSync(object).mtimeMs > Math.max(shared, statSync(args.at(-1)).mtimeMs)

try {
  // Popped from the end: the longest compilations first.
  const slow = ({ args }) => ['kvec', 'fraction', 'sumcheck'].findIndex(name => args.at(-1).endsWith(`${name}.cc`))
  const queue = jobs.filter(job => !current(job)).sort((a, b) => slow(a) - slow(b))
  const worker = async () => {
    for (let job = queue.pop(); job; job = queue.pop()) {
      const warnings = await run(compiler, [...common, ...job.args, '-c', '-o', `${job.object}.tmp`])
      if (warnings) console.warn(warnings)
      renameSync(`${job.object}.tmp`, job.object)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  const flags = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  const order = sets.flatMap(({ name }) => jobs.filter(j => j.object.endsWith(`.${name}.o`)))
  const objects = [...jobs.slice(-once.length), ...order].map(j => j.object)
  await run(compiler, ['-shared', '-pthread', ...flags, '-o', `${addon}.tmp`, ...objects])
  renameSync(`${addon}.tmp`, addon)
} catch (error) {
  console.error(error.message)
  notice('the native kernels did not compile.')
}
