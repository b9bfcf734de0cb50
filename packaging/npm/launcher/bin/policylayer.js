#!/usr/bin/env node
// Starts the program that the package for this platform holds. Nothing is downloaded.
"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const path = require("node:path");
const targets = require("../targets.json");

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}

/** The program's path, in the package that npm chose for this platform. */
function program() {
  const target = targets.find(({ os, cpu }) => os === process.platform && cpu === process.arch);
  if (!target) {
    fail(
      `policylayer has no npm package for ${process.platform} on ${process.arch}.\n` +
        "what to do: build it from its source with `cargo install --path .`",
    );
  }
  try {
    return path.join(path.dirname(require.resolve(`${target.package}/package.json`)), "bin", target.program);
  } catch {
    fail(
      `The package ${target.package}, which holds the program, is not installed.\n` +
        "what to do: install the package again without `--no-optional` or `--omit=optional`" +
        (target.libc ? "; on a system without glibc, build it from its source with `cargo install --path .`" : ""),
    );
  }
}

const child = spawn(program(), process.argv.slice(2), { stdio: "inherit", windowsHide: true });
child.on("error", (error) => fail(`policylayer cannot be started: ${error.message}`));

// What ends us ends the program, which ends its server.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("exit", (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : code));
