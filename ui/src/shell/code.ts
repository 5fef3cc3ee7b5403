/** The code of a one-time link, read once, before anything else can look at the address. */
export const linkCode = location.pathname === "/welcome" ? location.hash.slice(1) : "";

// The code must not stay in the history, nor be seen over a shoulder.
if (linkCode) history.replaceState(history.state, "", location.pathname);
