import { type ReactNode, useEffect, useState } from "react";

import { authClient } from "./auth/client";
import { KeysPage } from "./auth/KeysPage";
import { SignIn } from "./auth/SignIn";
import { type User, useUser } from "./auth/useUser";
import { LinkOutcome, Unverified } from "./auth/VerifyEmail";
import { StoreContext } from "./sync/context";
import { TaskStore } from "./sync/store";
import { CalendarsPage } from "./tasks/CalendarsPage";
import { TasksPage } from "./tasks/TasksPage";
import { TrashPage } from "./tasks/TrashPage";
import { Announcer } from "./ui/announcer";
import { Header } from "./ui/Header";
import { usePage } from "./ui/usePage";

const PAGES: Record<string, ReactNode> = { trash: <TrashPage />, calendars: <CalendarsPage />, keys: <KeysPage /> };

export function App() {
  const user = useUser();
  return (
    <>
      {user && <SignedIn key={user.id} user={user} />}
      {user === null && <SignIn />}
      <Announcer />
    </>
  );
}

function SignedIn({ user }: { user: User }) {
  const page = usePage();
  const [store] = useState(() => new TaskStore(`todo-${user.id}`, endSession));
  useEffect(() => store.start(), [store]);
  return (
    <StoreContext value={store}>
      <Header user={user} page={page} />
      <main>
        <LinkOutcome />
        {!user.emailVerified && <Unverified email={user.email} />}
        {PAGES[page] ?? <TasksPage />}
      </main>
    </StoreContext>
  );
}

/** Reads the session again. Without one, the form to sign in is shown. */
function endSession(): void {
  authClient.$store.notify("$sessionSignal");
}
