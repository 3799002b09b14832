/** Arsenal's own operations. This list is the only one; everything else is derived from it. */
import type { AnyOperation } from '../core/operation.ts';
import { clusterHealth } from './distributed/clusterHealth.ts';
import { clusterTopology } from './distributed/clusterTopology.ts';
import { connectNode } from './distributed/connectNode.ts';
import { disconnectNode } from './distributed/disconnectNode.ts';
import { nodeInfo } from './distributed/nodeInfo.ts';
import { crashNode } from './faults/crashNode.ts';
import { restartNode } from './faults/restartNode.ts';
import type { Scans } from './lists.ts';
import { garbageCollectProcess } from './process/garbageCollectProcess.ts';
import { getProcessInfo } from './process/getProcessInfo.ts';
import { getProcessState } from './process/getProcessState.ts';
import { killProcess } from './process/killProcess.ts';
import { listProcesses } from './process/listProcesses.ts';
import { monitorProcess } from './process/monitorProcess.ts';
import { resumeProcess } from './process/resumeProcess.ts';
import { sendMessage } from './process/sendMessage.ts';
import { startProcess } from './process/startProcess.ts';
import { suspendProcess } from './process/suspendProcess.ts';
import type { CatalogueReader } from './registry/catalogueRows.ts';
import { describeOperation } from './registry/describeOperation.ts';
import { listOperations } from './registry/listOperations.ts';
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
import { supervisionTree } from './supervisor/supervisionTree.ts';
import { supervisorStats } from './supervisor/supervisorStats.ts';
import { terminateChild } from './supervisor/terminateChild.ts';
import { whichChildren } from './supervisor/whichChildren.ts';
import { analyzeMessageQueue } from './system/analyzeMessageQueue.ts';
import { detectBottlenecks } from './system/detectBottlenecks.ts';
import { getMemoryInfo } from './system/getMemoryInfo.ts';
import { getSystemInfo } from './system/getSystemInfo.ts';
import { listApplications } from './system/listApplications.ts';
import { listEtsTables } from './system/listEtsTables.ts';
import { listRegisteredProcesses } from './system/listRegisteredProcesses.ts';
import { analyzeDeadlocks } from './tracing/analyzeDeadlocks.ts';
import { memoryLeakDetection } from './tracing/memoryLeakDetection.ts';

/** What some operations look at beside the port. */
export type House = { readonly catalogue: CatalogueReader; readonly scans: Scans };

/** All of them, in a house. */
export function builtinOperations({ catalogue, scans }: House): readonly AnyOperation[] {
  return [
    listProcesses(scans),
    getProcessInfo,
    startProcess,
    killProcess,
    garbageCollectProcess,
    getProcessState,
    suspendProcess,
    resumeProcess,
    sendMessage,
    monitorProcess,
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
    listRegisteredProcesses(scans),
    getSystemInfo,
    getMemoryInfo,
    listApplications(scans),
    listEtsTables(scans),
    analyzeMessageQueue,
    detectBottlenecks,
    analyzeDeadlocks,
    memoryLeakDetection,
    clusterTopology,
    clusterHealth,
    nodeInfo,
    connectNode,
    disconnectNode,
    crashNode,
    restartNode,
    createSandbox,
    listSandboxes(scans),
    destroySandbox,
    listOperations(catalogue, scans),
    describeOperation(catalogue),
    searchOperations(catalogue, scans),
  ];
}
