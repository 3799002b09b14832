// Optional: the in-editor suite in desktop VS Code, at the oldest release we promise or at the newest. It downloads
// that VS Code, so it is on only with ARSENAL_TEST_ELECTRON=1 (or a version in place of 1).
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runTests } from '@vscode/test-electron';

const root = path.resolve(__dirname, '..', '..');

async function main(): Promise<void> {
  const wanted = process.env['ARSENAL_TEST_ELECTRON'] ?? '1';
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'arsenal-electron-'));
  const folder = path.join(scratch, 'workspace');
  fs.cpSync(path.join(root, 'test', 'fixtures', 'demo-workspace'), folder, { recursive: true });
  try {
    await runTests({
      ...(wanted === '1' ? {} : { version: wanted }),
      extensionDevelopmentPath: root,
      extensionTestsPath: path.join(root, 'out', 'test', 'editor', 'index.js'),
      extensionTestsEnv: { ARSENAL_HOME: path.join(scratch, 'home') },
      launchArgs: [folder, '--disable-extensions', '--disable-workspace-trust'],
    });
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
