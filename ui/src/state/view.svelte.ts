// The view in the address bar: what is asked, over which time, and how shown.
// Every change goes through here, so that back, forward, reload and links work.

import { emptyView, read, write, type View } from '../lib/urlstate';

interface Mark {
  /** zoomed marks an entry made by the histogram's brush. */
  zoomed?: boolean;
}

class Current {
  view = $state.raw<View>(emptyView);
  /** turn grows with every view to be shown, also when it is the same again. */
  turn = $state(0);

  /** start takes the view from the address and follows back and forward. */
  start(): () => void {
    const follow = (): void => this.#show(read(location.hash));
    follow();
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }

  /** go changes the view and asks again. */
  go(change: Partial<View>, mark: Mark = {}): void {
    const next = { ...this.view, at: '', ...change };
    const [here, there] = [write(this.view), write(next)];
    if (here !== there) history.pushState(mark, '', location.pathname + there);
    this.#show(next);
  }

  /** setColumns changes only what is shown: nothing is asked again. */
  setColumns(columns: string[]): void {
    this.view = { ...this.view, columns };
    history.replaceState(history.state, '', location.pathname + write(this.view));
  }

  toggleColumn(name: string): void {
    const { columns } = this.view;
    this.setColumns(columns.includes(name) ? columns.filter((c) => c !== name) : [...columns, name]);
  }

  /** unzoom undoes the last brush, and tells whether there was one. */
  unzoom(): boolean {
    const zoomed = (history.state as Mark | null)?.zoomed === true;
    if (zoomed) history.back();
    return zoomed;
  }

  #show(view: View): void {
    this.view = view;
    this.turn++;
  }
}

export const current = new Current();
