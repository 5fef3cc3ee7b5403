import { createFileRoute } from "@tanstack/react-router";
import { Profile } from "~/screens/profile/Profile";

export const Route = createFileRoute("/_in/profile")({ component: Profile });
