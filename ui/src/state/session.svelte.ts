// Who is logged in.

import * as api from '../lib/api';
import { Problem } from '../lib/api';
import { loginCode } from '../lib/urlstate';

class Session {
  /** state is "starting" until it is known whether the cookie still holds. */
  state = $state<'starting' | 'out' | 'in'>('starting');
  user = $state.raw<api.User>({ name: '', scopes: [], version: '' });
  /** problem is why the last log-in failed, or why the session ended. */
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);

  /** start logs in with the link the page was opened by, or with the cookie. */
  async start(): Promise<void> {
    const code = loginCode(location.hash);
    if (code !== '') {
      // Gone from the address before anything else: the code is a secret.
      history.replaceState(null, '', location.pathname);
      if (await this.login({ code })) return;
    }
    const failed = this.problem;
    try {
      this.user = await api.me();
      this.state = 'in';
      this.problem = null;
    } catch (err) {
      this.state = 'out';
      // Not to be logged in is no error when one has just arrived.
      this.problem = failed ?? (err instanceof Problem && err.status !== 401 ? err : null);
    }
  }

  async login(credentials: { token: string } | { code: string }): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    try {
      await api.login(credentials);
      this.user = await api.me();
      this.state = 'in';
      return true;
    } catch (err) {
      this.problem = explained(err, 'code' in credentials);
      return false;
    } finally {
      this.busy = false;
    }
  }

  async logout(): Promise<void> {
    try {
      await api.logout();
    } catch (err) {
      // The cookie is still there: say so instead of pretending.
      if (!(err instanceof Problem) || err.status !== 401) {
        this.problem = new Problem('network', 'Logging out failed: the server cannot be reached.', 'The session is still open.');
        return;
      }
    }
    // The next user of this browser need not see what was looked for.
    history.replaceState(null, '', location.pathname);
    this.end(null);
  }

  /** end shows the log-in page again. */
  end(problem: Problem | null): void {
    this.user = { name: '', scopes: [], version: '' };
    this.problem = problem;
    this.state = 'out';
  }

  /** refused tells whether err means that the session is over, and if so ends it. */
  refused(err: unknown): boolean {
    if (!(err instanceof Problem) || err.status !== 401) return false;
    this.end(new Problem('auth', 'The session has ended.', 'Log in again; this view is kept.'));
    return true;
  }
}

function explained(err: unknown, byLink: boolean): Problem {
  if (!(err instanceof Problem)) return new Problem('internal', String(err));
  if (err.status === 429) return new Problem('auth', 'Too many attempts to log in.', 'Wait a minute, then try again.');
  if (err.status === 401 || err.status === 403) {
    return byLink
      ? new Problem('auth', 'This log-in link has been used or has expired.', 'Make a new one on the server: journalist token link')
      : new Problem('auth', 'The server does not know this token, or it has expired or been revoked.', 'Make a new one on the server: journalist token create');
  }
  return err;
}

export const session = new Session();
