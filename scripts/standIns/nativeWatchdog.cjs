// Stands in for @vscode/native-watchdog, whose compiled part our set-up does not build: ends the extension host when
// the server that started it has gone.
'use strict';

const pollIntervalMs = 1_000;

exports.start = (parentPid) => {
  setInterval(() => {
    try {
      process.kill(parentPid, 0);
    } catch {
      process.exit(87);
    }
  }, pollIntervalMs).unref();
};

exports.exit = (code) => process.exit(code || 0);
