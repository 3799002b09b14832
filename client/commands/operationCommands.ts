/**
 * The palette command of each builtin operation. Commands are contributed in package.json before anything runs, so their names stand
 * here; a test holds them against the catalogue, both ways.
 */
export const operationsWithCommands = [
  'list_processes',
  'get_process_info',
  'start_process',
  'kill_process',
  'garbage_collect_process',
  'get_process_state',
  'suspend_process',
  'resume_process',
  'send_message',
  'monitor_process',
  'list_supervisors',
  'which_children',
  'supervision_tree',
  'get_supervisor_flags',
  'supervisor_stats',
  'restart_frequency',
  'add_child',
  'restart_child',
  'terminate_child',
  'delete_child',
  'change_supervisor_strategy',
  'list_registered_processes',
  'get_system_info',
  'get_memory_info',
  'list_applications',
  'list_ets_tables',
  'analyze_message_queue',
  'detect_bottlenecks',
  'analyze_deadlocks',
  'memory_leak_detection',
  'cluster_topology',
  'cluster_health',
  'node_info',
  'connect_node',
  'disconnect_node',
  'crash_node',
  'restart_node',
  'create_sandbox',
  'list_sandboxes',
  'destroy_sandbox',
  'list_operations',
  'describe_operation',
  'search_operations',
] as const;

/** `kill_process` → `arsenal.killProcess`. */
export function operationCommand(name: string): string {
  return `arsenal.${name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}`;
}
