import { authClient } from "../auth/client";
import type { User } from "../auth/useUser";
import { useSnapshot, useStore } from "../sync/context";
import { announce } from "./announcer";

const PAGES = { "": "Tasks", trash: "Trash", calendars: "Calendars", keys: "API keys" };

export function Header({ user, page }: { user: User; page: string }) {
  return (
    <header>
      <nav aria-label="Pages">
        {Object.entries(PAGES).map(([name, title]) => (
          <a key={name} href={`#${name}`} aria-current={name === page ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <Progress />
      <SignOut user={user} />
    </header>
  );
}

function Progress() {
  const { changes, isOnline } = useSnapshot();
  const waiting = changes.length === 1 ? "1 change waits" : `${changes.length} changes wait`;
  const text = changes.length > 0 ? waiting : isOnline ? "All changes saved" : "Nothing waits";
  return <p className={isOnline ? "progress" : "progress offline"}>{isOnline ? text : `Offline · ${text}`}</p>;
}

function SignOut({ user }: { user: User }) {
  const store = useStore();
  const { changes } = useSnapshot();

  async function signOut() {
    if (changes.length > 0 && !confirm("Some changes are not saved yet. Sign out and lose them?")) return;
    try {
      const { error } = await authClient.signOut();
      if (error) throw new Error(error.message);
      await store.local.erase();
    } catch {
      announce("You are still signed in: the service is unreachable.");
    }
  }

  return (
    <button onClick={signOut} title={`Signed in as ${user.email}`}>
      Sign out
    </button>
  );
}
