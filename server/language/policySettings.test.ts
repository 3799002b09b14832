import { describe, expect, it } from 'vitest';
import { policyOfSettings } from '../services/policy.ts';
import { PolicyOfUser } from './policySettings.ts';

describe('the policy of the user', () => {
  it('is told where it is wrong, once, in words and in the log, and when nothing is any more', () => {
    const sent: unknown[] = [];
    const logged: string[] = [];
    const console = { warn: (text: string) => void logged.push(text) };
    const connection = {
      sendNotification: (_type: unknown, params: unknown) => Promise.resolve(void sent.push(params)),
      console,
    };
    const policy = new PolicyOfUser(connection, {
      configurePolicy: (settings) => policyOfSettings({ ...settings }).problems,
    });
    const obey = (roles: string | { [name: string]: string }) => {
      policy.obey({ roles });
      policy.tell();
    };
    obey({ kill_process: 'admin' });
    expect(sent).toEqual([]);
    obey('admin');
    obey('admin');
    const problems = [{ pointer: '/roles', message: expect.any(String) }];
    expect(sent).toEqual([{ problems }]);
    expect(logged).toEqual([expect.stringMatching(/^Settings: \/roles /)]);
    obey({ kill_process: 'admin' });
    expect(sent).toEqual([{ problems }, { problems: [] }]);
  });
});
