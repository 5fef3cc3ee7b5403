import { createFileRoute } from "@tanstack/react-router";
import { Task } from "~/screens/task/Task";

export const Route = createFileRoute("/_in/tasks/$task")({ component: TaskScreen });

function TaskScreen() {
  const { task } = Route.useParams();
  return <Task key={task} id={Number(task)} />;
}
