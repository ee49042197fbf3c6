// A short word after an action, such as "copied".

class Notice {
  text = $state('');
  #timer = 0;

  say(text: string): void {
    this.text = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.text = ''), 2500);
  }

  async copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.say(`${what} copied`);
    } catch {
      // Browsers offer the clipboard over TLS and on this machine only.
      this.say('Copying needs TLS, or this machine, and your permission');
    }
  }
}

export const notice = new Notice();
