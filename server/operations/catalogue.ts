/** Arsenal's own operations. This list is the only one; everything else is derived from it. */
import type { AnyOperation } from '../core/operation.ts';
import type { Scans } from './lists.ts';
import { balanceClusterLoad } from './distributed/balanceClusterLoad.ts';
import { cancelOperation } from './analytics/cancelOperation.ts';
import { operationHistory } from './analytics/operationHistory.ts';
import { operationStats } from './analytics/operationStats.ts';
import type { CallState } from './analytics/state.ts';
import type { Undoables } from './analytics/undoOperation.ts';
import { undoOperation } from './analytics/undoOperation.ts';
import { clusterHealth } from './distributed/clusterHealth.ts';
import { clusterTopology } from './distributed/clusterTopology.ts';
import { clusterSupervisionTrees } from './distributed/clusterSupervisionTrees.ts';
import { compareGlobalNames } from './distributed/compareGlobalNames.ts';
import { connectNode } from './distributed/connectNode.ts';
import { disconnectNode } from './distributed/disconnectNode.ts';
import { listGroups } from './distributed/listGroups.ts';
import { listTopologies } from './distributed/listTopologies.ts';
import { migrateProcesses } from './distributed/migrateProcesses.ts';
import { nodeInfo } from './distributed/nodeInfo.ts';
import { remoteExecute } from './distributed/remoteExecute.ts';
import { addNode } from './faults/addNode.ts';
import { crashNode } from './faults/crashNode.ts';
import { delayLink } from './faults/delayLink.ts';
import { dropLink } from './faults/dropLink.ts';
import { hangNode } from './faults/hangNode.ts';
import { healCluster } from './faults/healCluster.ts';
import { partitionCluster } from './faults/partitionCluster.ts';
import { removeNode } from './faults/removeNode.ts';
import { restartNode } from './faults/restartNode.ts';
import { hordeRegistryInspect } from './horde/hordeRegistryInspect.ts';
import { hordeStartChild } from './horde/hordeStartChild.ts';
import { hordeSupervisorInspect } from './horde/hordeSupervisorInspect.ts';
import { garbageCollectProcess } from './process/garbageCollectProcess.ts';
import { getProcessInfo } from './process/getProcessInfo.ts';
import { getProcessState } from './process/getProcessState.ts';
import { getProcessTree } from './process/getProcessTree.ts';
import { killProcess } from './process/killProcess.ts';
import { killProcesses } from './process/killProcesses.ts';
import { listCrashes } from './process/listCrashes.ts';
import { listProcesses } from './process/listProcesses.ts';
import { migrateProcess } from './process/migrateProcess.ts';
import { monitorProcess } from './process/monitorProcess.ts';
import { restartProcess } from './process/restartProcess.ts';
import { resumeProcess } from './process/resumeProcess.ts';
import { sendMessage } from './process/sendMessage.ts';
import { startProcess } from './process/startProcess.ts';
import { suspendProcess } from './process/suspendProcess.ts';
import type { CatalogueReader } from './registry/catalogueRows.ts';
import { describeOperation } from './registry/describeOperation.ts';
import { discoverOperations } from './registry/discoverOperations.ts';
import type { Batches } from './registry/executeBatch.ts';
import { executeBatch } from './registry/executeBatch.ts';
import { listOperations } from './registry/listOperations.ts';
import { loadOperations } from './registry/loadOperations.ts';
import type { NodeOperationSink } from './registry/nodeOperationRows.ts';
import { nobodysCatalogue } from './registry/nodeOperationRows.ts';
import { searchOperations } from './registry/searchOperations.ts';
import { createSandbox } from './sandbox/createSandbox.ts';
import { destroySandbox } from './sandbox/destroySandbox.ts';
import { listSandboxes } from './sandbox/listSandboxes.ts';
import { addChild } from './supervisor/addChild.ts';
import { changeSupervisorStrategy } from './supervisor/changeSupervisorStrategy.ts';
import { deleteChild } from './supervisor/deleteChild.ts';
import { getSupervisorFlags } from './supervisor/getSupervisorFlags.ts';
import { listSupervisors } from './supervisor/listSupervisors.ts';
import { restartChild } from './supervisor/restartChild.ts';
import { restartFrequency } from './supervisor/restartFrequency.ts';
import { restartSupervisor } from './supervisor/restartSupervisor.ts';
import { simulateFailure } from './supervisor/simulateFailure.ts';
import { startSupervisor } from './supervisor/startSupervisor.ts';
import { stopSupervisor } from './supervisor/stopSupervisor.ts';
import { supervisionTree } from './supervisor/supervisionTree.ts';
import { supervisorStats } from './supervisor/supervisorStats.ts';
import { terminateChild } from './supervisor/terminateChild.ts';
import { whichChildren } from './supervisor/whichChildren.ts';
import { analyzeMessageQueue } from './system/analyzeMessageQueue.ts';
import { detectBottlenecks } from './system/detectBottlenecks.ts';
import { getAllocatorInfo } from './system/getAllocatorInfo.ts';
import { getMemoryInfo } from './system/getMemoryInfo.ts';
import { getSchedulerInfo } from './system/getSchedulerInfo.ts';
import { getSystemInfo } from './system/getSystemInfo.ts';
import { listApplications } from './system/listApplications.ts';
import { listEtsTables } from './system/listEtsTables.ts';
import { listHoldings } from './system/listHoldings.ts';
import { listPorts } from './system/listPorts.ts';
import { listRegisteredProcesses } from './system/listRegisteredProcesses.ts';
import { releaseHolding } from './system/releaseHolding.ts';
import { reloadClusterFile } from './system/reloadClusterFile.ts';
import { askedOnceMore } from './policies.ts';
import { getTime } from './time/getTime.ts';
import { pauseTime } from './time/pauseTime.ts';
import { resumeTime } from './time/resumeTime.ts';
import { exportScenario } from './time/exportScenario.ts';
import { stepTime } from './time/stepTime.ts';
import { analyzeDeadlocks } from './tracing/analyzeDeadlocks.ts';
import { getTraceResults } from './tracing/getTraceResults.ts';
import { listTraces } from './tracing/listTraces.ts';
import { memoryLeakDetection } from './tracing/memoryLeakDetection.ts';
import { profileProcess } from './tracing/profileProcess.ts';
import { stopTrace } from './tracing/stopTrace.ts';
import type { Tasks } from './tracing/tasks.ts';
import { traceMessages } from './tracing/traceMessages.ts';
import { traceProcess } from './tracing/traceProcess.ts';

/** What some operations look at beside the port. */
export type House = {
  readonly catalogue: CatalogueReader;
  readonly scans: Scans;
  /** What goes on beside the call that began it. */
  readonly tasks: Tasks;
  /** Who keeps the operations that nodes have. */
  readonly nodeOperations?: NodeOperationSink;
  /** Where there is nothing that outlives a call (a test's cluster), there are no batches. */
  readonly batches?: Batches;
  /** Nor is it known there what was called. */
  readonly state?: CallState;
  readonly undoables?: Undoables;
};

/** All of them, in a house. */
export function builtinOperations({
  catalogue,
  scans,
  tasks,
  nodeOperations = nobodysCatalogue,
  batches,
  state,
  undoables,
}: House): readonly AnyOperation[] {
  return [
    listProcesses(scans),
    getProcessInfo,
    startProcess,
    killProcess,
    killProcesses,
    garbageCollectProcess,
    getProcessState,
    suspendProcess,
    resumeProcess,
    sendMessage,
    monitorProcess(tasks),
    restartProcess,
    migrateProcess,
    listCrashes(scans),
    getProcessTree,
    listSupervisors(scans),
    whichChildren(scans),
    supervisionTree,
    getSupervisorFlags,
    supervisorStats,
    restartFrequency,
    addChild,
    restartChild,
    terminateChild,
    deleteChild,
    changeSupervisorStrategy,
    startSupervisor,
    stopSupervisor,
    restartSupervisor,
    simulateFailure,
    listRegisteredProcesses(scans),
    getSystemInfo,
    getMemoryInfo,
    listApplications(scans),
    listEtsTables(scans),
    analyzeMessageQueue,
    detectBottlenecks,
    listPorts(scans),
    getAllocatorInfo,
    getSchedulerInfo,
    listHoldings(scans),
    releaseHolding,
    reloadClusterFile,
    analyzeDeadlocks,
    memoryLeakDetection(tasks),
    traceProcess(tasks),
    traceMessages(tasks),
    getTraceResults(tasks),
    listTraces(tasks),
    stopTrace(tasks),
    profileProcess(tasks),
    clusterTopology,
    clusterHealth,
    clusterSupervisionTrees,
    nodeInfo,
    connectNode,
    disconnectNode,
    remoteExecute,
    migrateProcesses,
    balanceClusterLoad,
    listTopologies(scans),
    listGroups(scans),
    compareGlobalNames(scans),
    hordeRegistryInspect(scans),
    hordeSupervisorInspect(scans),
    hordeStartChild,
    crashNode,
    restartNode,
    addNode,
    removeNode,
    hangNode,
    getTime,
    pauseTime,
    resumeTime,
    stepTime,
    exportScenario,
    partitionCluster,
    healCluster,
    delayLink,
    dropLink,
    createSandbox,
    listSandboxes(scans),
    destroySandbox,
    listOperations(catalogue, scans),
    describeOperation(catalogue),
    searchOperations(catalogue, scans),
    discoverOperations(nodeOperations),
    loadOperations(nodeOperations),
    ...(batches === undefined ? [] : [executeBatch(batches)]),
    ...(state === undefined ? [] : [operationHistory(state, scans), operationStats(state), cancelOperation(state)]),
    ...(undoables === undefined ? [] : [undoOperation(undoables)]),
  ].map(askedOnceMore);
}
