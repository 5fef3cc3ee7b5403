/** Keeps what is shown true while it is shown. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { patching } from "./patches";
import { listen, type Link } from "./stream";

const Standing = createContext<Link>("joining");

/** Whether the hub is heard. */
export const useLink = (): Link => useContext(Standing);

export function Live({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [link, setLink] = useState<Link>("joining");
  useEffect(() => {
    const end = new AbortController();
    const patch = patching(client);
    let was: Link = "joining";
    listen((heard) => {
      if (heard.kind === "event") patch(heard.event);
      else if (heard.kind === "gap") patch("gap");
      else {
        setLink(heard.link);
        if (was === "away" && heard.link === "live") void client.invalidateQueries();
        was = heard.link;
      }
    }, end.signal);
    return () => end.abort();
  }, [client]);
  return <Standing.Provider value={link}>{children}</Standing.Provider>;
}
