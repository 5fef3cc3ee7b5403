/** A link that looks like a button, and goes where the router leads. */
import { Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import { forwardRef } from "react";

const Anchored = forwardRef<HTMLAnchorElement, ButtonProps>((props, ref) => <Button component="a" ref={ref} {...props} />);
export const LinkButton = createLink(Anchored);
