// Lays out the npm packages of a release: one for each platform, with the program inside, and a launcher that chooses.
//
//   node packaging/npm/pack.mjs platform NAME TARGET PROGRAM OUT   the package of one platform, around a built program
//   node packaging/npm/pack.mjs main NAME OUT                      the launcher
//
// NAME is the launcher's package, such as @your-scope/policylayer; the packages of the platforms add their suffix to it. The
// name `policylayer` belongs to another vendor's program and is refused. OUT is a directory; each package becomes a directory in it, for
// `npm publish` or `npm pack`. The version is Cargo.toml's.

import { chmodSync, cpSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const targets = JSON.parse(readFileSync(join(here, "targets.json"), "utf8"));
const main = JSON.parse(readFileSync(join(here, "launcher", "package.json"), "utf8"));
const version = /^version = "([^"]+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))?.[1];

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}

/** Refuses a name that would publish over, or point at, somebody else's package. */
function checkName(name) {
  if (!/^@[a-z0-9][a-z0-9._-]*\/[a-z0-9][a-z0-9._-]*$/.test(name)) {
    fail(
      `${name} cannot be the package's name: write one with a scope that is yours, such as @your-scope/policylayer` +
        (name === "policylayer" ? " (the name policylayer belongs to another vendor's program)" : ""),
    );
  }
  return name;
}

/** The directory of a package in OUT: its name without the scope's punctuation. */
function layOut(out, name) {
  const directory = join(out, name.replace("@", "").replace("/", "-"));
  mkdirSync(join(directory, "bin"), { recursive: true });
  return directory;
}

function write(directory, manifest) {
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(root, "LICENSE"), join(directory, "LICENSE"));
  process.stdout.write(`${directory}\n`);
}

function platform(launcher, wanted, program, out) {
  const target = targets.find((one) => one.target === wanted);
  if (!target) fail(`no package is made for ${wanted}; there are ${targets.map((one) => one.target).join(", ")}`);
  const name = `${checkName(launcher)}-${target.suffix}`;
  const directory = layOut(out, name);
  copyFileSync(program, join(directory, "bin", target.program));
  chmodSync(join(directory, "bin", target.program), 0o755);
  writeFileSync(join(directory, "README.md"), `# ${name}\n\nThe program of the package \`${launcher}\`, for ${target.target}.\n`);
  const { license, repository } = main;
  write(directory, {
    name,
    version,
    description: `policylayer for ${target.target}`,
    license,
    repository,
    files: ["bin"],
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc && { libc: [target.libc] }),
    preferUnplugged: true,
  });
}

function launcher(name, out) {
  const directory = layOut(out, checkName(name));
  cpSync(join(here, "launcher"), directory, { recursive: true });
  chmodSync(join(directory, "bin", "policylayer.js"), 0o755);
  const packages = targets.map(({ suffix, ...target }) => ({ package: `${name}-${suffix}`, ...target }));
  writeFileSync(join(directory, "targets.json"), `${JSON.stringify(packages, null, 2)}\n`);
  const readme = readFileSync(join(here, "launcher", "README.md"), "utf8");
  writeFileSync(join(directory, "README.md"), readme.replaceAll("@NAME@", name));
  const optionalDependencies = Object.fromEntries(packages.map((one) => [one.package, version]));
  write(directory, { ...main, name, version, optionalDependencies });
}

if (!version) fail("Cargo.toml has no version");
const [what, ...rest] = process.argv.slice(2);
if (what === "platform" && rest.length === 4) platform(...rest);
else if (what === "main" && rest.length === 2) launcher(...rest);
else fail(`write \`${basename(process.argv[1])} platform NAME TARGET PROGRAM OUT\` or \`${basename(process.argv[1])} main NAME OUT\``);
